export const GET = () => new Response('through the middleware')
