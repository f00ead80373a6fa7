// Small pictures and archives, written here byte by byte so that the walk needs no files.

import { crc32, deflateSync } from 'node:zlib';

/** A PNG whose colours say where one is in it: red from left to right, green from top to bottom; with words about itself. */
export function png(width, height, blue = 90, words = {}) {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * (1 + width * 3) + 1 + x * 3;
      const isRing = Math.abs(Math.hypot(x - width / 2, y - height / 2) - Math.min(width, height) / 3) < 8;
      rows[at] = isRing ? 250 : 40 + Math.round((x / width) * 190);
      rows[at + 1] = isRing ? 244 : 60 + Math.round((y / height) * 150);
      rows[at + 2] = isRing ? 230 : blue;
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', head),
    ...Object.entries(words).map(([key, text]) => chunk('tEXt', Buffer.from(`${key}\0${text}`, 'latin1'))),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  return Buffer.concat([uint(data.length, 4, true), body, uint(crc32(body), 4, true)]);
}

/** A zip without compression. */
export function zip(files) {
  const [parts, entries] = [[], []];
  let offset = 0;
  for (const { name, buffer } of files) {
    const label = Buffer.from(name);
    const facts = Buffer.concat([
      uint(20, 2),
      uint(0, 2),
      uint(0, 2),
      uint(0, 4),
      uint(crc32(buffer), 4),
      uint(buffer.length, 4),
      uint(buffer.length, 4),
      uint(label.length, 2),
      uint(0, 2),
    ]);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), facts, label, buffer]);
    entries.push(
      Buffer.concat([
        Buffer.from('PK\x01\x02', 'latin1'),
        uint(20, 2),
        facts,
        uint(0, 10),
        uint(offset, 4),
        label,
      ]),
    );
    parts.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.concat([
    Buffer.from('PK\x05\x06', 'latin1'),
    uint(0, 4),
    uint(files.length, 2),
    uint(files.length, 2),
    uint(directory.length, 4),
    uint(offset, 4),
    uint(0, 2),
  ]);
  return Buffer.concat([...parts, directory, end]);
}

function uint(value, bytes, isBig = false) {
  const buffer = Buffer.alloc(bytes);
  if (bytes > 6) return buffer;
  if (isBig) buffer.writeUIntBE(value, 0, bytes);
  else buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}

/** A safetensors file with one layer of the embedded base, as kohya's programs write it. */
export function adapter(trigger) {
  const layer = 'lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q';
  const shapes = { 'lora_down.weight': [4, 160], 'lora_up.weight': [160, 4], alpha: [] };
  const header = { __metadata__: { 'modelspec.trigger_phrase': trigger } };
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const start = end;
    end += 4 * shape.reduce((product, side) => product * side, 1);
    header[`${layer}.${name}`] = { dtype: 'F32', shape, data_offsets: [start, end] };
  }
  const head = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  return Buffer.concat([length, head, Buffer.alloc(end)]);
}

/** A file as the browser's chooser gives it. */
export function file(name, buffer) {
  const kinds = { png: 'image/png', jpg: 'image/jpeg', txt: 'text/plain', zip: 'application/zip' };
  return { name, mimeType: kinds[name.split('.').at(-1)] ?? 'application/octet-stream', buffer };
}
