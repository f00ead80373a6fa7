// Line drawings on a square of 24, made for this page.

export const ICONS = {
  datasets: 'M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z',
  runs: 'M3 17.5c3 0 3.6-10 6.6-10s3 7 5.8 7c2.2 0 2.8-3 5.6-3M3 21h18',
  models: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4.3 7.7 12 12l7.7-4.3M12 12v8.8',
  generate: 'M12 3.5l1.9 5.3 5.3 1.9-5.3 1.9-1.9 5.3-1.9-5.3-5.3-1.9 5.3-1.9zM19 16.5v4M17 18.5h4',
  compare: 'M3.5 5h7v14h-7zM13.5 5h7v14h-7z',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  left: 'M14.5 5.5 8 12l6.5 6.5',
  right: 'M9.5 5.5 16 12l-6.5 6.5',
  upload: 'M12 16V4.5M7.5 9 12 4.5 16.5 9M4.5 15.5v4h15v-4',
  download: 'M12 4.5V16M7.5 11.5 12 16l4.5-4.5M4.5 19.5h15',
  trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.9 12.5h9.2L17.5 7M10.3 10.5v5.5M13.7 10.5v5.5',
  edit: 'M5 19l.8-4L16 4.8l3.2 3.2L9 18.2zM13.8 7l3.2 3.2',
  undo: 'M8.5 5.5 4.5 9.5l4 4M5 9.5h8.5a5 5 0 0 1 0 10H9',
  copy: 'M9 9h10.5v10.5H9zM5 15V4.5h10',
  search: 'M10.5 4.5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15 15l4.5 4.5',
  alert: 'M12 4.5 21 19.5H3zM12 10.5v4M12 16.8v.2',
  crop: 'M7 3v14h14M3 7h14v14',
  expand: 'M4.5 9.5v-5h5M19.5 14.5v5h-5M4.5 4.5l6 6M19.5 19.5l-6-6',
  lock: 'M6 11h12v8.5H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  people:
    'M9 4.5a3.3 3.3 0 1 1 0 6.6 3.3 3.3 0 0 1 0-6.6zM2.8 19.5c0-3.6 2.6-5.6 6.2-5.6s6.2 2 6.2 5.6M15.6 4.9a3.3 3.3 0 0 1 0 5.8M17.8 14.3c2.1.7 3.4 2.5 3.4 5.2',
  leave: 'M10 4.5H5v15h5M14.5 8 18.5 12l-4 4M18 12H9',
  dice: 'M5 4.5h14v15H5zM9 9v.2M15 9v.2M12 12v.2M9 15v.2M15 15v.2',
} as const;

export type IconName = keyof typeof ICONS;
