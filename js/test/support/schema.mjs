// The JSON Schema of the installed tarball, compiled by a validator that has nothing of this project.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import Ajv2020 from 'ajv/dist/2020.js'

const require = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)
export const schema = JSON.parse(
  readFileSync(require.resolve('datakit-token/config.schema.json'), 'utf8'),
)
export const fits = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  strictRequired: false,
}).compile(schema)
