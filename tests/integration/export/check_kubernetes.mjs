// node check_kubernetes.mjs FOLDER: reads a Kustomize overlay and says what a cluster would not take, or
// what does not fit together. Exit codes: 0 all is well, 1 something is wrong (one line each).

import { readKustomization } from './manifests.mjs';
import { checkReferences } from './references.mjs';
import { checkSchema } from './schema.mjs';

const [folder] = process.argv.slice(2);
const problems = [];
const objects = readKustomization(folder, problems);
for (const object of objects) checkSchema(object, `${object.kind} ${object.metadata?.name}`, problems);
if (problems.length === 0) checkReferences(objects, problems);
for (const problem of problems) console.log(problem);
console.log(`${objects.length} objects, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
