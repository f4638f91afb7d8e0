// For tests of applications: a key, a verifier and tokens, good ones and bad ones.
import { bindTesting, type CreateTesting } from '../testing/testing.js'
import { createVerifier } from './inline.js'

export type { Testing, TestRequest } from '../testing/testing.js'
/** Makes a key, a verifier for it, and tokens. */
export const createTesting: CreateTesting = /* @__PURE__ */ bindTesting(createVerifier)
