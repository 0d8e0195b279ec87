// node check_compose.mjs FILE: holds a compose file against the schema of the Compose Specification, which
// Docker Compose 2 follows. Exit codes: 0 it fits, 1 it does not (one line each).

import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import { parse } from 'yaml';

const [file] = process.argv.slice(2);
const packages = new URL('node_modules/', import.meta.url);

const schema = JSON.parse(readFileSync(new URL('dclint/schemas/compose.schema.json', packages), 'utf8'));
delete schema.$schema; // an address that the package does not know by this spelling
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);

const problems = [];
// As docker-compose 1.29 reads it, to which NO is false.
const content = parse(readFileSync(file, 'utf8'), { version: '1.1', merge: true, maxAliasCount: -1 });
if (!validate(content)) problems.push(...validate.errors.map((error) => `${error.instancePath} ${error.message}`));
if ('version' in content) problems.push('/version is obsolete');
// Compose takes other types for text, and then says 1e3 for "1e3".
for (const [name, service] of Object.entries(content.services)) {
  for (const [key, value] of Object.entries(service.environment ?? {})) {
    if (typeof value !== 'string') problems.push(`/services/${name}/environment/${key} is no text`);
  }
}
for (const problem of problems) console.log(problem);
console.log(`${Object.keys(content.services).length} services, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
