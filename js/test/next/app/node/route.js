import { verdict } from '../../verdict.js'

export const dynamic = 'force-dynamic'

export async function GET(request) {
  return new Response(`${typeof EdgeRuntime}: ${await verdict(request)}`)
}
