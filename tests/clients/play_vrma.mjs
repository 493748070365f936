// Plays a .vrma on a .vrm with three-vrm-animation, without a browser, and prints what every bone does.
// node play_vrma.mjs AVATAR.vrm MOTION.vrma FPS FRAMES, in a folder whose node_modules has the packages.
import { readFileSync } from "node:fs";
import * as THREE from "three";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";
import { VRMLoaderPlugin } from "@pixiv/three-vrm";
import * as animation from "@pixiv/three-vrm-animation";

globalThis.self = globalThis;

const [avatar, motion, fps, frames] = process.argv.slice(2);
const warnings = [];
console.warn = (...words) => warnings.push(words.join(" "));

async function read(path, plugin) {
  const loader = new GLTFLoader();
  loader.register(plugin);
  const data = readFileSync(path);
  return loader.parseAsync(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength), "");
}

const { vrm } = (await read(avatar, (parser) => new VRMLoaderPlugin(parser))).userData;
const played = (await read(motion, (parser) => new animation.VRMAnimationLoaderPlugin(parser))).userData.vrmAnimations[0];
const proxy = new animation.VRMLookAtQuaternionProxy(vrm.lookAt);
proxy.name = "lookAtQuaternionProxy";
vrm.scene.add(proxy);
const clip = animation.createVRMAnimationClip(played, vrm);
const mixer = new THREE.AnimationMixer(vrm.scene);
mixer.clipAction(clip).setLoop(THREE.LoopOnce).play();
mixer.clipAction(clip).clampWhenFinished = true;

const rows = [];
for (let frame = 0; frame < Number(frames); frame++) {
  mixer.setTime(frame / Number(fps));
  vrm.update(0);
  vrm.scene.updateMatrixWorld(true);
  const bones = {};
  for (const name of Object.keys(vrm.humanoid.humanBones)) {
    const position = new THREE.Vector3();
    vrm.humanoid.getRawBoneNode(name).getWorldPosition(position);
    bones[name] = position.toArray();
  }
  const expressions = {};
  for (const expression of vrm.expressionManager.expressions) expressions[expression.expressionName] = expression.weight;
  rows.push({ bones, expressions, yaw: vrm.lookAt.yaw, pitch: vrm.lookAt.pitch });
}
process.stdout.write(JSON.stringify({ rows, warnings, tracks: clip.tracks.map((track) => track.name) }));
