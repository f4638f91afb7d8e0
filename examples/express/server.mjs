// An API that verifies tokens itself: `npx datakit-token keygen --out keys`, then `node server.mjs`.
import { readFileSync } from 'node:fs'
import express from 'express'
import { createVerifier } from 'datakit-token'
import { requirePermission, verifyToken } from 'datakit-token/express'

const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'))
const verifier = createVerifier(
  { ...read('config.json'), keys: read(process.env.KEYS ?? 'keys/jwks.json') },
  // A line for each verdict: no token is in it.
  { log: (entry) => console.log(JSON.stringify(entry)) },
)

const app = express()
// The rules of config.json say what needs which token; paths are those that were sent, wherever a router is mounted.
app.use(verifyToken({ verifier }))
app.get('/health', (_request, response) => response.json({ ok: true }))
app.get('/me', ({ token }, response) =>
  response.json({ user: token.subject, roles: token.roles, expiresAt: token.expiresAt }),
)

const notes = express.Router()
notes.get('/', requirePermission('note.read'), (_request, response) => response.json([]))
notes.post('/', requirePermission('note.write'), (_request, response) => response.status(201).end())
app.use('/tenants/:tenant/notes', notes)

const admin = express.Router()
admin.get('/users', (_request, response) => response.json(['alice']))
app.use('/admin', admin)

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
)
