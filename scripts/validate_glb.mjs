// Check glTF files with the Khronos validator; prints one JSON object, exit status 1 if any file has errors.
//
//   npm install --prefix DIR gltf-validator
//   NODE_PATH=DIR/node_modules node scripts/validate_glb.mjs FILE...
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

function loadValidator() {
  const places = [process.cwd(), ...(process.env.NODE_PATH ?? "").split(delimiter).filter(Boolean)];
  for (const place of places) {
    try {
      return createRequire(join(place, "here.js"))("gltf-validator");
    } catch {
      try {
        return createRequire(join(place, "here.js"))(join(place, "gltf-validator"));
      } catch {
        continue;
      }
    }
  }
  console.error("gltf-validator not found; npm install --prefix DIR gltf-validator, then set NODE_PATH");
  process.exit(3);
}

const validator = loadValidator();
const reports = {};
let failed = false;
for (const file of process.argv.slice(2)) {
  const report = await validator.validateBytes(new Uint8Array(readFileSync(file)), { maxIssues: 40 });
  const { numErrors, numWarnings, numInfos, numHints, messages } = report.issues;
  reports[file] = {
    errors: numErrors,
    warnings: numWarnings,
    infos: numInfos,
    hints: numHints,
    messages: messages.map((m) => `${m.severity} ${m.code} ${m.pointer ?? ""} ${m.message}`),
    info: { vertices: report.info?.totalVertexCount, morphs: report.info?.hasMorphTargets },
  };
  failed ||= numErrors > 0;
}
console.log(JSON.stringify(reports, null, 1));
process.exit(failed ? 1 : 0);
