import { verdict } from './verdict.js'

export const config = { matcher: '/middleware' }

export async function middleware(request) {
  return new Response(`${typeof EdgeRuntime}: ${await verdict(request)}`)
}
