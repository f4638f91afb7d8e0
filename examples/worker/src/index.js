// A Worker in front of a DataKit or a Dataway. Where such a Worker compared the workspace's token with `!==`, clients
// now have tokens of their own, with an end, a workspace and permissions, and the workspace's token stays here.
import { env } from 'cloudflare:workers'
import { createVerifier, remoteBundle } from 'datakit-token'
import { withToken } from 'datakit-token/fetch'

const verifier = createVerifier(
  {
    version: 1,
    // The routes of DataKit, the permission that each needs, and where its clients put tokens.
    presets: ['datakit'],
    providers: [
      {
        name: 'main',
        issuer: 'https://id.example.com',
        audiences: ['https://datakit.example.com'],
        keys: remoteBundle(env.BUNDLE, { roots: JSON.parse(env.ROOTS) }),
        // What goes on in the place of a token for this workspace.
        swap: { secrets: { wksp_1: { env: 'DATAWAY_TOKEN' } }, to: { param: 'token' } },
      },
    ],
  },
  { environment: { DATAWAY_TOKEN: env.DATAWAY_TOKEN } },
)

export default {
  fetch: withToken((_request, access) => fetch(access.upstream(env.DATAKIT)), { verifier }),
}
