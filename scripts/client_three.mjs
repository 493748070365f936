// Loads files in three.js with three-vrm, in headless Chromium, and says where the joints are. A development tool.
//
//   npm install --prefix DIR three @pixiv/three-vrm @pixiv/three-vrm-animation playwright-core
//   node scripts/client_three.mjs out.glb --dir DIR --at 0,0.5,1 [--vrma out.vrma] [--picture out.png] [--face]
//        [--chromium /usr/bin/chromium]
//
// Prints {names, times, places: {name: [[x, y, z] a time]}, weights: {name: [a time]}, problems}. The last animation of
// the file is played; with --vrma, that one on the VRM's humanoid.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";

const { values: options, positionals: [file] } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", default: process.env.PLAYWRIGHT_DIR ?? "." },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    at: { type: "string", default: "0" },
    vrma: { type: "string" },
    picture: { type: "string" },
    face: { type: "boolean", default: false },
  },
});
const require = createRequire(path.resolve(options.dir, "package.json"));
const { chromium } = require("playwright-core");

const HOST = "http://client.local";
const PAGE = `<!DOCTYPE html><style>body { margin: 0 }</style><script type="importmap">{ "imports": {
  "three": "/node_modules/three/build/three.module.js",
  "three/addons/": "/node_modules/three/examples/jsm/",
  "@pixiv/three-vrm": "/node_modules/@pixiv/three-vrm/lib/three-vrm.module.js",
  "@pixiv/three-vrm-animation": "/node_modules/@pixiv/three-vrm-animation/lib/three-vrm-animation.module.js"
} }</script><script type="module">
import * as THREE from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { VRMLoaderPlugin } from "@pixiv/three-vrm";
import { VRMAnimationLoaderPlugin, createVRMAnimationClip } from "@pixiv/three-vrm-animation";

window.measure = async ({ times, vrma, picture, face }) => {
  const loader = new GLTFLoader();
  loader.register((parser) => new VRMLoaderPlugin(parser));
  loader.register((parser) => new VRMAnimationLoaderPlugin(parser));
  const gltf = await loader.loadAsync("/file.glb");
  const { vrm } = gltf.userData;
  let clip = gltf.animations[gltf.animations.length - 1];
  if (vrma) {
    const animation = (await loader.loadAsync("/file.vrma")).userData.vrmAnimations[0];
    clip = createVRMAnimationClip(animation, vrm);
  } else if (vrm) vrm.humanoid.autoUpdateHumanBones = false; // the clip moves the bones themselves
  const mixer = new THREE.AnimationMixer(gltf.scene);
  const action = mixer.clipAction(clip);
  action.setLoop(THREE.LoopOnce).clampWhenFinished = true;
  action.play();
  const places = {}, weights = {};
  const point = new THREE.Vector3();
  for (const time of times) {
    mixer.setTime(time);
    if (vrma) vrm.update(1e-6);
    gltf.scene.updateMatrixWorld(true);
    gltf.scene.traverse((node) => {
      if (node.isBone || node.isObject3D) (places[node.userData.name ?? node.name] ??= []).push(node.getWorldPosition(point).toArray());
      if (node.morphTargetDictionary) {
        for (const [name, k] of Object.entries(node.morphTargetDictionary)) (weights[name] ??= []).push(node.morphTargetInfluences[k]);
      }
    });
  }
  if (picture) draw(gltf.scene, places, face);
  return { times, places, weights, clip: clip.name };
};

function draw(scene, places, face) {
  const renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
  renderer.setSize(600, 700);
  document.body.append(renderer.domElement);
  const world = new THREE.Scene();
  world.background = new THREE.Color(0xdfe4ea);
  world.add(scene, new THREE.HemisphereLight(0xffffff, 0x888888, 2), new THREE.DirectionalLight(0xffffff, 2));
  const box = new THREE.Box3().setFromObject(scene, true);
  const height = box.max.y - box.min.y, middle = box.getCenter(new THREE.Vector3());
  const camera = new THREE.PerspectiveCamera(24, 600 / 700, 0.01, 100);
  const target = face ? new THREE.Vector3(middle.x, box.max.y - 0.09 * height, middle.z) : middle;
  camera.position.set(target.x, target.y, target.z + (face ? 0.55 : 2.7) * height);
  camera.lookAt(target);
  renderer.render(world, camera);
}
window.ready = true;
</script>`;

const browser = await chromium.launch({
  executablePath: options.chromium,
  args: ["--no-sandbox", "--no-first-run", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
});
const page = await browser.newPage({ viewport: { width: 600, height: 700 } });
page.setDefaultTimeout(80000);
const problems = [];
page.on("pageerror", (error) => problems.push(String(error)));
const types = { ".js": "text/javascript", ".mjs": "text/javascript" };
await page.route(`${HOST}/**`, (route) => {
  const { pathname } = new URL(route.request().url());
  if (pathname === "/") return route.fulfill({ contentType: "text/html", body: PAGE });
  if (pathname === "/file.glb") return route.fulfill({ body: readFileSync(file) });
  if (pathname === "/file.vrma") return route.fulfill({ body: readFileSync(options.vrma) });
  if (!pathname.startsWith("/node_modules/")) return route.fulfill({ status: 404, body: "" });
  const contentType = types[path.extname(pathname)] ?? "application/octet-stream";
  return route.fulfill({ contentType, body: readFileSync(path.join(options.dir, decodeURIComponent(pathname))) });
});
try {
  await page.goto(`${HOST}/`);
  await page.waitForFunction(() => window.ready);
  const result = await page.evaluate((what) => window.measure(what), {
    times: options.at.split(",").map(Number), vrma: Boolean(options.vrma), picture: Boolean(options.picture), face: options.face,
  });
  if (options.picture) await page.screenshot({ path: options.picture });
  process.stdout.write(`${JSON.stringify({ ...result, problems })}\n`);
} finally {
  await browser.close();
}
