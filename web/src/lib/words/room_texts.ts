// What the rooms say that are not furnished yet: what they will hold, and how to do it today.

import type { Dataset } from '../api/model';
import { quoted } from './shell';

export interface RoomText {
  title: string;
  lead: string;
  holds: string[];
  today: { about: string; command: string }[];
}

export const ROOM_TEXTS: Record<'runs' | 'models' | 'generate' | 'compare', RoomText> = {
  runs: {
    title: 'Runs',
    lead: 'A run is one training: a dataset version, a base model and its settings become checkpoints, one for each epoch.',
    holds: [
      'Every run with its loss, its previews and the time that is left',
      'Stop, resume, and start again with other settings',
      'Which dataset version each run was trained on',
    ],
    today: [
      {
        about: 'Train on a dataset of this library. Category and trigger word come from it.',
        command: 'atelier train --dataset NAME --strength medium',
      },
      {
        about: 'Go on with a run that was stopped in a folder of your own.',
        command: 'atelier train --dataset NAME --out FOLDER --resume',
      },
    ],
  },
  models: {
    title: 'Finely Tuned Models',
    lead: 'A finished run leaves an adapter: a small file that teaches a base model your character, style or object.',
    holds: [
      'Each adapter with its trigger word and the strength that suits it',
      'Previews over epochs, to choose the one that is neither under-fitted nor over-fitted',
      'Where it comes from: run, dataset version, base model',
    ],
    today: [
      {
        about: 'See what an adapter holds and which programs read it.',
        command: 'atelier model inspect FILE',
      },
      {
        about: 'Write it in another format for another program.',
        command: 'atelier model convert FILE --to peft --out FILE.safetensors',
      },
    ],
  },
  generate: {
    title: 'Generate',
    lead: 'Draw with a base model and your adapters. The strength says how far an adapter goes, from 0 to 1.5.',
    holds: [
      'A prompt with the trigger word already in it',
      'One or several adapters, each with its strength',
      'A history that restores every setting of a picture',
    ],
    today: [
      {
        about: 'Draw four pictures with an adapter. 0.5 to 0.8 loosens it, 1.0 to 1.1 tightens it.',
        command: 'atelier generate --prompt PROMPT --adapter FILE:0.8 --count 4',
      },
      {
        about: 'Draw a picture of this program again, with another seed.',
        command: 'atelier generate --from PICTURE.png --seed 7',
      },
    ],
  },
  compare: {
    title: 'Compare',
    lead: 'Two or three attempts are normal. Here they hang side by side: same prompts, same seeds, other settings.',
    holds: [
      'Two to five attempts next to each other',
      'What differs between their settings and their dataset versions',
      'The same prompts and seeds for all, so that only the training differs',
    ],
    today: [
      {
        about: 'Draw the same prompts and seed with each adapter, into a folder each.',
        command: 'atelier generate --prompts prompts.txt --seed 1 --adapter FIRST:1.0 --out first',
      },
      {
        about: 'See what changed in a dataset since its first version.',
        command: 'atelier dataset diff NAME --from 1',
      },
    ],
  },
};

/** The command with the names of a dataset in it, where there is one. */
export function commandFor(command: string, dataset: Dataset | undefined): string {
  const trigger = dataset?.trigger_word || 'TRIGGER';
  const words: Record<string, string> = {
    NAME: dataset ? quoted(dataset.name) : 'NAME',
    PROMPT: quoted(`${trigger}, on a beach`),
  };
  return command.replace(/\b(NAME|PROMPT)\b/g, (word) => words[word] ?? word);
}
