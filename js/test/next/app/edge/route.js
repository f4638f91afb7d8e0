import { verdict } from '../../verdict.js'

export const runtime = 'edge'

export async function GET(request) {
  return new Response(`${typeof EdgeRuntime}: ${await verdict(request)}`)
}
