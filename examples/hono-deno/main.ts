// An API with Hono on Deno: `npx datakit-token keygen --out keys`, then `deno task start`.
import { Hono } from 'hono'
import { createVerifier, type JwkSet } from 'datakit-token'
import { requirePermission, type TokenVariables, verifyToken } from 'datakit-token/hono'

const keys: JwkSet = JSON.parse(await Deno.readTextFile(Deno.env.get('KEYS') ?? 'keys/jwks.json'))
const verifier = createVerifier({
  issuer: 'https://id.example.com',
  audience: 'https://api.example.com',
  keys,
  rules: [
    // A login that is optional: who sends a token has to send a good one.
    { match: { methods: ['GET'], path: { exact: '/' } }, allow: 'anyone' },
    { match: {}, allow: 'authenticated' },
  ],
})

const app = new Hono<{ Variables: TokenVariables }>()
app.use(verifyToken({ verifier }))
app.get('/', (context) => context.text(`Hello, ${context.get('token')?.subject ?? 'stranger'}`))
app.get('/notes', requirePermission('note.read'), (context) => context.json([]))

Deno.serve({ port: Number(Deno.env.get('PORT') ?? 3000), hostname: '127.0.0.1' }, app.fetch)
