import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// The server's policy for content; previews are shown under it too, so that what breaks it is seen before it is embedded.
const policy =
  "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

// The server answers only requests that name it as their host and come from none or its own pages.
const forward = {
  target: process.env.ATELIER_URL ?? 'http://127.0.0.1:7860',
  changeOrigin: true,
  configure: (proxy) =>
    proxy.on('proxyReq', (request) => {
      request.removeHeader('origin');
      request.removeHeader('sec-fetch-site');
    }),
};
const proxy = { '/api': forward, '/healthz': forward };

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    // A font or picture in a `data:` address would break the policy above.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy },
  preview: { proxy, headers: { 'Content-Security-Policy': policy } },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'node' },
});
