// A worker as a user writes one: the verifiers are made once, before there is a request.
import { env } from 'cloudflare:workers'
import * as plain from 'datakit-token'
import * as sealed from 'datakit-token/sealed'
import { observe } from './observe.mjs'

const { createVerifier, remoteKeySet } = plain
const verifiers = { inline: createVerifier(env.CONFIG) }
for (const [name, { url, ...options }] of Object.entries(env.REMOTE)) {
  verifiers[name] = createVerifier({ ...env.CONFIG, keys: remoteKeySet(url, options) })
}

const actions = {
  agent: () => new Response(navigator.userAgent),
  async vectors(_, request) {
    const observed = []
    for (const vector of await request.json())
      observed.push(
        await observe({ plain, sealed }, vector).catch((error) => ({ reason: String(error) })),
      )
    return Response.json(observed)
  },
  async verify(verifier, request) {
    const result = await verifier.safeVerify(await request.text())
    return new Response(result.ok ? 'ok' : result.error.code)
  },
  async decide(verifier, request) {
    const decision = await verifier.decide(request)
    if (decision.verdict === 'allow') return Response.json(decision.upstream)
    const { status, headers, body } = decision.response
    return new Response(body, { status, headers: [...headers, ['x-reason', decision.reason]] })
  },
}

export default {
  fetch(request) {
    const [, action, name] = new URL(request.url).pathname.split('/')
    return actions[action](verifiers[name], request)
  },
}
