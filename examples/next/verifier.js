// One for each runtime of the process.
import { createVerifier } from 'datakit-token'

let verifier

export const getVerifier = () => {
  verifier ??= createVerifier(JSON.parse(process.env.DATAKIT_TOKEN_CONFIG))
  return verifier
}
