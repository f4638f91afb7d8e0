// All shared vectors in the runtime that runs this, with the package as that resolves it: `all_vectors.mjs PROJECT`.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { check, vectors } from './check.mjs'
import { observe } from './observe.mjs'

const { resolve } = createRequire(`${process.argv[2]}/`)
const files = [resolve('datakit-token'), resolve('datakit-token/sealed')]
const [plain, sealed] = await Promise.all(files.map((file) => import(pathToFileURL(file).href)))
const failures = []
for (const vector of vectors) {
  try {
    check(vector, await observe({ plain, sealed }, vector))
  } catch (error) {
    failures.push(`${vector.name}: ${error.message}`)
  }
}
console.log(JSON.stringify({ files, count: vectors.length, failures }))
