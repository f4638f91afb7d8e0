// Behind the middleware, which has put a claim into a header that no client can set.
export const GET = (request) =>
  new Response(`through the middleware: ${request.headers.get('x-user')}`)
