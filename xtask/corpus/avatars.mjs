// Draws the avatars of the corpus: writes a JSON array of {id, style, concept, keywords, held_out, svg} to standard output.
// Every attribute is chosen here, so that the caption is exact; the same numbers come out on every machine.

import { createAvatar } from '@dicebear/core';
import * as openPeeps from '@dicebear/open-peeps';
import * as pixelArt from '@dicebear/pixel-art';
import * as bigSmile from '@dicebear/big-smile';
import * as personas from '@dicebear/personas';

const PER_STYLE = 150;
const HELD_OUT = 24;

// xorshift32
function random(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const glasses = (names) => ({ chance: 0.25, words: names.map(([name, word]) => [name, `wearing ${word}`]) });

// The concept is made of the words of: expression, colour of the hair, hair, extras; the clothes become a keyword.
const STYLES = [
  {
    slug: 'open-peeps',
    style: 'open peeps avatar',
    art: openPeeps,
    expression: {
      face: [
        ['angryWithFang', 'angry'], ['awe', 'astonished'], ['blank', 'neutral'], ['calm', 'calm'], ['cheeky', 'cheeky'],
        ['concerned', 'worried'], ['fear', 'fearful'], ['cute', 'cute'], ['driven', 'determined'], ['lovingGrin1', 'loving'],
        ['rage', 'enraged'], ['serious', 'serious'], ['smile', 'smiling'], ['smileBig', 'grinning'], ['smileLOL', 'laughing'],
        ['solemn', 'solemn'], ['suspicious', 'suspicious'], ['tired', 'tired'],
      ],
    },
    hair: {
      head: [
        ['afro', 'afro hair'], ['bangs', 'bangs'], ['bun', 'hair in a bun'], ['buns', 'hair in two buns'], ['cornrows', 'cornrows'],
        ['dreads1', 'dreadlocks'], ['flatTop', 'flat top hair'], ['hatBeanie', 'beanie'], ['hatHip', 'hat'], ['hijab', 'headscarf'],
        ['long', 'long hair'], ['longBangs', 'long hair and bangs'], ['longCurly', 'long curly hair'], ['medium1', 'medium hair'],
        ['mohawk', 'mohawk'], ['noHair1', 'bald head'], ['pomp', 'quiff'], ['short1', 'short hair'], ['short4', 'short hair'],
        ['turban', 'turban'], ['grayShort', 'short gray hair'], ['grayBun', 'gray hair in a bun'],
      ],
    },
    extras: {
      accessories: glasses([['glasses', 'glasses'], ['glasses3', 'glasses'], ['sunglasses', 'sunglasses'], ['eyepatch', 'eyepatch']]),
      facialHair: { chance: 0.15, words: [['full', 'beard'], ['goatee1', 'goatee'], ['moustache2', 'mustache']] },
    },
    clothes: {
      clothingColor: [
        ['e78276', 'red shirt'], ['ffcf77', 'orange shirt'], ['fdea6b', 'yellow shirt'], ['78e185', 'green shirt'],
        ['9ddadb', 'teal shirt'], ['8fa7df', 'blue shirt'], ['e279c7', 'pink shirt'],
      ],
    },
    fixed: { headContrastColor: ['2c1b18'], maskProbability: 0 },
    skins: ['ffdbb4', 'edb98a', 'd08b5b', 'ae5d29', '694d3d'],
    character: { head: 'mohawk', clothingColor: '78e185', skinColor: 'd08b5b' },
  },
  {
    slug: 'pixel-art',
    style: 'pixel art avatar',
    art: pixelArt,
    expression: {
      mouth: [
        ['happy01', 'happy'], ['happy03', 'happy'], ['happy05', 'happy'], ['happy09', 'happy'], ['sad01', 'sad'], ['sad04', 'sad'],
        ['sad07', 'sad'],
      ],
    },
    hairColour: {
      hairColor: [
        ['cab188', 'blond'], ['603a14', 'brown'], ['611c17', 'dark red'], ['28150a', 'black'], ['009bbd', 'blue'], ['bd1700', 'red'],
        ['91cb15', 'green'],
      ],
    },
    hair: {
      hair: [
        ...[1, 4, 8, 12, 16, 20, 24].map((n) => [`short${String(n).padStart(2, '0')}`, 'short hair']),
        ...[1, 4, 8, 12, 16, 20].map((n) => [`long${String(n).padStart(2, '0')}`, 'long hair']),
      ],
    },
    extras: {
      glasses: glasses([['dark01', 'sunglasses'], ['dark03', 'sunglasses'], ['light01', 'glasses'], ['light03', 'glasses']]),
    },
    clothes: {
      clothingColor: [['428bca', 'blue shirt'], ['00b159', 'green shirt'], ['d11141', 'red shirt'], ['ffc425', 'yellow shirt']],
    },
    fixed: { hatProbability: 0, beardProbability: 0, accessoriesProbability: 0 },
    skins: ['ffdbac', 'eac393', 'cb9e6e', 'a26d3d', '8d5524'],
    character: { hair: 'long08', hairColor: '009bbd', clothingColor: 'ffc425', skinColor: 'eac393' },
  },
  {
    slug: 'big-smile',
    style: 'big smile avatar',
    art: bigSmile,
    expression: {
      eyes: [
        ['cheery', 'cheerful'], ['normal', 'smiling'], ['confused', 'confused'], ['starstruck', 'star-struck'], ['winking', 'winking'],
        ['sleepy', 'sleepy'], ['sad', 'sad'], ['angry', 'angry'],
      ],
    },
    // the mouth that goes with each of the eyes
    follows: (chosen) => ({ mouth: [({ sad: 'openSad', angry: 'unimpressed', confused: 'awkwardSmile', sleepy: 'unimpressed' })[chosen.eyes] ?? 'openedSmile'] }),
    hairColour: {
      hairColor: [
        ['220f00', 'black'], ['71472d', 'brown'], ['e2ba87', 'blond'], ['605de4', 'blue'], ['238d80', 'teal'], ['d56c0c', 'orange'],
        ['e9b729', 'yellow'],
      ],
    },
    hair: {
      hair: [
        ['shortHair', 'short hair'], ['mohawk', 'mohawk'], ['wavyBob', 'wavy bob'], ['bowlCutHair', 'bowl cut'], ['curlyBob', 'curly bob'],
        ['straightHair', 'long straight hair'], ['braids', 'braids'], ['shavedHead', 'shaved hair'], ['bunHair', 'hair in a bun'],
        ['bangs', 'bangs'], ['curlyShortHair', 'short curly hair'],
      ],
    },
    extras: {
      accessories: {
        chance: 0.4,
        words: [
          ['catEars', 'wearing cat ears'], ['glasses', 'wearing glasses'], ['clownNose', 'wearing a clown nose'],
          ['sunglasses', 'wearing sunglasses'], ['faceMask', 'wearing a mask'], ['mustache', 'mustache'],
        ],
      },
    },
    fixed: {},
    skins: ['ffe4c0', 'f5d7b1', 'e2ba87', 'c99c62', 'a47539', '643d19'],
    character: { hair: 'braids', hairColor: '605de4', skinColor: 'c99c62' },
  },
  {
    slug: 'personas',
    style: 'personas avatar',
    art: personas,
    expression: {
      mouth: [['smile', 'smiling'], ['frown', 'sad'], ['surprise', 'surprised'], ['bigSmile', 'grinning'], ['smirk', 'smirking'], ['lips', 'calm']],
    },
    hairColour: {
      hairColor: [['362c47', 'black'], ['6c4545', 'brown'], ['e15c66', 'red'], ['e16381', 'pink'], ['f29c65', 'orange'], ['dee1f5', 'white']],
    },
    hair: {
      hair: [
        ['long', 'long hair'], ['shortCombover', 'short hair'], ['curlyHighTop', 'curly hair'], ['bobCut', 'bob'], ['curly', 'curly hair'],
        ['pigtails', 'pigtails'], ['curlyBun', 'curly hair in a bun'], ['buzzcut', 'buzz cut'], ['fade', 'short hair'],
        ['straightBun', 'hair in a bun'], ['extraLong', 'long hair'], ['mohawk', 'mohawk'],
      ],
    },
    extras: {
      eyes: {
        chance: 0.5,
        words: [
          ['sleep', 'sleeping'], ['wink', 'winking'], ['glasses', 'wearing glasses'], ['happy', 'happy eyes'],
          ['sunglasses', 'wearing sunglasses'],
        ],
        otherwise: ['open'],
      },
      facialHair: { chance: 0.12, words: [['beardMustache', 'beard'], ['goatee', 'goatee'], ['walrus', 'mustache']] },
    },
    clothes: {
      clothingColor: [
        ['456dff', 'blue shirt'], ['54d7c7', 'teal shirt'], ['7555ca', 'purple shirt'], ['6dbb58', 'green shirt'], ['e24553', 'red shirt'],
        ['f3b63a', 'yellow shirt'],
      ],
    },
    fixed: { nose: ['smallRound'] },
    skins: ['eeb4a4', 'e5a07e', 'd78774', 'b16a5b', '92594b', '623d36'],
    character: { hair: 'pigtails', hairColor: 'e15c66', clothingColor: '456dff', skinColor: 'e5a07e' },
  },
];

// Chooses [name, word] of a one-attribute table and notes it; a held-out character has its own choice.
function choose(table, pick, chosen, character) {
  if (!table) return '';
  const [attribute, options] = Object.entries(table)[0];
  const fixed = character && character[attribute];
  const [name, word] = fixed ? options.find(([option]) => option === fixed) : pick(options);
  chosen[attribute] = name;
  return word;
}

function avatar(style, index, rng, character) {
  const pick = (list) => list[Math.floor(rng() * list.length)];
  const chosen = {};
  const expression = choose(style.expression, pick, chosen, character);
  const colour = choose(style.hairColour, pick, chosen, character);
  const hair = choose(style.hair, pick, chosen, character);
  const shirt = choose(style.clothes, pick, chosen, character);
  chosen.skinColor = character ? character.skinColor : pick(style.skins);
  const options = { seed: `${style.slug}-${index}`, ...style.fixed };
  const extras = [];
  for (const [attribute, { chance, words, otherwise }] of Object.entries(style.extras)) {
    const [name, word] = pick(words);
    const present = rng() < chance;
    if (present) extras.push(word);
    if (otherwise) options[attribute] = present ? [name] : otherwise;
    else Object.assign(options, { [attribute]: [name], [`${attribute}Probability`]: present ? 100 : 0 });
  }
  for (const [attribute, name] of Object.entries(chosen)) options[attribute] = [name];
  if (style.follows) Object.assign(options, style.follows(chosen));
  const single = /hair|bangs|cornrows|dreadlocks|braids|pigtails/.test(hair);
  const look = !colour ? hair : /\bhair\b/.test(hair) ? hair.replace(/\bhair\b/, `${colour} hair`) : `${colour} ${hair}`;
  const article = single ? '' : /^[aeiou]/.test(look) ? 'an ' : 'a ';
  return {
    id: `${style.slug}/${character ? 'held-out' : 'avatar'}-${String(index).padStart(3, '0')}`,
    style: style.style,
    concept: [`${expression} person with ${article}${look}`, ...extras].join(', '),
    keywords: ['avatar', 'portrait', shirt].filter(Boolean),
    held_out: Boolean(character),
    svg: createAvatar(style.art, options).toString(),
    // what may not be drawn for training: the looks of the held-out character
    character: Object.entries(style.character).every(([attribute, name]) => chosen[attribute] === name),
  };
}

const drawn = [];
STYLES.forEach((style, number) => {
  const rng = random(0x9e3779b9 + number);
  const seen = new Set();
  for (let index = 0; seen.size < PER_STYLE; index += 1) {
    const made = avatar(style, index, rng, null);
    if (made.character || seen.has(made.svg)) continue;
    seen.add(made.svg);
    drawn.push(made);
  }
  // a character has few looks in some styles: stop when new ones stay away
  for (let index = 0; index < 20 * HELD_OUT && seen.size < PER_STYLE + HELD_OUT; index += 1) {
    const made = avatar(style, index, rng, style.character);
    if (seen.has(made.svg)) continue;
    seen.add(made.svg);
    drawn.push(made);
  }
});
process.stdout.write(JSON.stringify(drawn.map(({ character, ...made }) => made)));
