import { NextResponse } from 'next/server'
import { createVerifier } from 'datakit-token'
import { createProxy } from 'datakit-token/next'

const verifier = createVerifier(JSON.parse(process.env.DATAKIT_TOKEN_CONFIG))

export const middleware = createProxy({ verifier, NextResponse })

export const config = { matcher: '/page' }
