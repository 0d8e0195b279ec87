// Bundles the runtime into one file that is a function of the host's bindings:
//
//   node build.mjs NODE_MODULES OUTPUT
//
// The host object is the one free variable of the sources ("host"); the result of the function is the
// set of functions that the host calls (see src/main.js).

import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const [nodeModules, output] = process.argv.slice(2);
if (nodeModules === undefined || output === undefined) {
  console.error('usage: node build.mjs NODE_MODULES OUTPUT');
  process.exit(2);
}

const here = path.dirname(fileURLToPath(import.meta.url));
const { build } = createRequire(path.join(path.resolve(nodeModules), 'x.cjs'))('esbuild');

await build({
  entryPoints: [path.join(here, 'src/main.js')],
  outfile: output,
  bundle: true,
  format: 'iife',
  globalName: 'runtime',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  // The oldest V8 that the executor is built with is 10.2.
  target: 'chrome102',
  charset: 'ascii',
  legalComments: 'none',
  nodePaths: [path.resolve(nodeModules)],
  banner: { js: '(function (host) {' },
  footer: { js: 'return runtime; })' },
  plugins: [{
    name: 'idna',
    setup(bundle) {
      bundle.onResolve({ filter: /^tr46$/ }, ({ importer }) => (importer.endsWith('idna.cjs')
        ? undefined : { path: path.join(here, 'src/idna.cjs') }));
    },
  }],
  logLevel: 'warning',
});
