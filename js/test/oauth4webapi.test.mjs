// A token of the command is what RFC 9068 says, to a library that asks for all of it: oauth4webapi, with keys over
// HTTP.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as oauth from 'oauth4webapi'
import { issuer, serve } from './support/issuer.mjs'
import { commandIn, temporaryDirectory } from './support/rust_command.mjs'

const directory = temporaryDirectory()
const command = commandIn(directory)

test('oauth4webapi takes a token of the command, and what is not one of RFC 9068 it refuses', async () => {
  command('keygen', '--out', 'keys')
  const { url } = serve(readFileSync(join(directory, 'keys/jwks.json'), 'utf8'))
  const server = { issuer, jwks_uri: url }
  const validate = (token) => {
    const request = new Request('http://127.0.0.1/', {
      headers: { authorization: `Bearer ${token}` },
    })
    return oauth.validateJwtAccessToken(server, request, 'api', {
      [oauth.allowInsecureRequests]: true,
      signingAlgorithms: ['EdDSA', 'Ed25519'],
    })
  }
  const issue = (...words) =>
    command('issue', '--key', 'keys', '--issuer', issuer, '--audience', 'api', ...words)
  const plain = await validate(issue())
  assert.deepEqual([plain.sub, plain.client_id], ['datakit-token', 'datakit-token'])
  const person = await validate(issue('--client-id', 'web', '--subject', 'acnt_1'))
  assert.deepEqual([person.sub, person.client_id], ['acnt_1', 'web'])
  await assert.rejects(validate(issue('--typ', 'JWT')))
})
