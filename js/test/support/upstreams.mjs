// Upstreams that others wrote: upstreams.mjs '{"headers": [NAME], "params": [NAME]}'. Each answers with what it reads
// under these names; the routers answer with the route that they take. Prints their ports as JSON, and ends with its
// standard input.
import { createServer } from 'node:http'
import { parse } from 'node:querystring'
import express4 from 'express4'
import express5 from 'express5'

const { headers, params } = JSON.parse(process.argv[2])

const send = (response, text) =>
  response.writeHead(200, { 'content-length': Buffer.byteLength(text) }).end(text)

const show = (response, header, param) => {
  const read = (names, one) => Object.fromEntries(names.map((name) => [name, one(name) ?? null]))
  send(response, JSON.stringify({ headers: read(headers, header), params: read(params, param) }))
}

const app = (express, parser) => {
  const application = express()
  if (parser) application.set('query parser', parser)
  return application.use((request, response) =>
    show(
      response,
      (name) => request.get(name),
      (name) => request.query[name],
    ),
  )
}

const router = (express) => {
  const application = express()
  application.all('/exact', (_request, response) => send(response, 'exact'))
  for (const route of ['admin', 'public'])
    application.use(`/${route}`, (_request, response) => send(response, route))
  return application.use((_request, response) => send(response, 'none'))
}

const plain = (readQuery) => (request, response) => {
  const query = readQuery(request)
  show(response, (name) => request.headers[name], query)
}

const upstreams = {
  'Express 4': app(express4),
  'Express 5': app(express5),
  'Express 5, extended': app(express5, 'extended'),
  'Node, URLSearchParams': plain(({ url }) => {
    const { searchParams } = new URL(url, 'http://upstream')
    // One value reads as itself.
    return (name) =>
      searchParams.getAll(name).length > 1 ? searchParams.getAll(name) : searchParams.get(name)
  }),
  'Node, querystring': plain(({ url }) => {
    const query = parse(url.split('?').slice(1).join('?'))
    return (name) => query[name]
  }),
  'router of Express 4': router(express4),
  'router of Express 5': router(express5),
}

const ports = {}
for (const [name, handler] of Object.entries(upstreams)) {
  const server = createServer(handler)
  // The requests before may have been minutes ago.
  server.keepAliveTimeout = 600_000
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  ports[name] = server.address().port
}
console.log(JSON.stringify(ports))
process.stdin.on('end', () => process.exit()).resume()
