// Lip-sync of other projects, as installed from npm, on recordings: what benchmarks/peers.py asks for.
//
// node benchmarks/peers.mjs NODE_MODULES SYSTEM < job.json
//
// The job is {recordings: [{sound, words}]}: sound is a file of mono float32 samples, 16000 a second for rhubarb and
// 48000 for headaudio, words are [{text, start, end}] in seconds. The answer is [{visemes, cpu}] with timed visemes of
// Oculus, or [{mouthCues, cpu}] with the cues of Rhubarb, and the seconds of CPU that each took, loading not counted.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const SPOKEN_RATE = 48000; // of a browser's audio context
const BLOCK = 128; // samples that an audio worklet gets at once
const LONGEST_VISEME = 200; // ms; TalkingHead lets the visemes of a word last no longer than this on average

const modules = resolve(process.argv[2]);
const load = (path) => import(pathToFileURL(join(modules, path)).href);

async function samplesOf(path) {
  const data = await readFile(path);
  return new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
}

// Rhubarb compiled to WebAssembly; with words its text guides the recogniser.
async function rhubarb(withText) {
  const { Rhubarb } = await load("rhubarb-lip-sync-wasm/dist/index.js");
  await Rhubarb.getModule();
  return async ({ sound, words }) => {
    const samples = await samplesOf(sound);
    const pcm = Buffer.alloc(2 * samples.length);
    samples.forEach((value, at) => pcm.writeInt16LE(Math.round(Math.max(-1, Math.min(1, value)) * 32767), 2 * at));
    const dialogText = withText ? words.map((word) => word.text).join(" ") : "";
    const found = await Rhubarb.getLipSync(pcm, { dialogText });
    return { mouthCues: found.mouthCues.map(({ start, end, value }) => ({ start, end, value })) };
  };
}

// TalkingHead's English lip-sync on words with times: the visemes of a word share its time as in speakAudio.
async function talkinghead() {
  const { LipsyncEn } = await load("@met4citizen/talkinghead/modules/lipsync-en.mjs");
  const lipsync = new LipsyncEn();
  return async ({ words }) => {
    const visemes = [];
    for (const word of words) {
      const found = lipsync.wordsToVisemes(lipsync.preProcessText(word.text));
      const count = found.visemes.length;
      if (!count) continue;
      const total = found.times[count - 1] + found.durations[count - 1];
      const lasting = Math.min(word.end - word.start, (count * LONGEST_VISEME) / 1000);
      found.visemes.forEach((viseme, at) => {
        const start = word.start + (found.times[at] / total) * lasting;
        visemes.push({ start, end: start + (found.durations[at] / total) * lasting, viseme });
      });
    }
    return { visemes };
  };
}

// HeadAudio is an audio worklet. Here its two halves are joined by hand, as a browser joins them.
async function headaudio() {
  globalThis.AudioWorkletNode = class {
    port = {};
    parameters = new Map();
  };
  globalThis.fetch = async (path) => new Response(await readFile(path));
  const { Processor } = await load("@met4citizen/headaudio/modules/processor.mjs");
  const { HeadAudio } = await load("@met4citizen/headaudio/modules/headaudio.mjs");
  return async ({ sound }) => {
    const samples = await samplesOf(sound);
    const node = new HeadAudio(null);
    const worklet = { port: { postMessage: (data) => node._onmessage({ data }) } };
    const processor = new Processor({ sampleRate: SPOKEN_RATE }, worklet);
    node.port.postMessage = (data) => processor._onmessage({ data });
    await node.loadModel(join(modules, "@met4citizen/headaudio/dist/model-en-mixed.bin"));
    const visemes = [];
    let active = -1;
    let since = 0;
    const change = (now) => {
      if (active >= 0) {
        visemes.push({ start: since, end: now, viseme: node.visemeNames[active] });
      }
      active = node.visemeActive;
      since = now;
    };
    for (let at = 0; at < samples.length; at += BLOCK) {
      processor.process(samples.subarray(at, at + BLOCK));
      if (node.visemeActive !== active) change((at + BLOCK) / SPOKEN_RATE);
    }
    change(samples.length / SPOKEN_RATE);
    return { visemes };
  };
}

const SYSTEMS = {
  rhubarb: () => rhubarb(false),
  "rhubarb-text": () => rhubarb(true),
  talkinghead,
  headaudio,
};

let text = "";
for await (const part of process.stdin) text += part;
const animate = await SYSTEMS[process.argv[3]]();
const answers = [];
for (const recording of JSON.parse(text).recordings) {
  const before = process.cpuUsage();
  const answer = await animate(recording);
  const used = process.cpuUsage(before);
  answers.push({ ...answer, cpu: (used.user + used.system) / 1e6 });
}
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
