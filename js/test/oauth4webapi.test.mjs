// A token of the command is what RFC 9068 says, to a library that asks for all of it: oauth4webapi, with keys over
// HTTP.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import * as oauth from 'oauth4webapi'
import { issuer, serve } from './support/issuer.mjs'

const directory = mkdtempSync(join(tmpdir(), 'datakit-token-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const command = (...words) =>
  execFileSync(join(process.env.DATAKIT_TOKEN_DIST, 'datakit-token'), words, {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim()

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
