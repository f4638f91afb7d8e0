/**
 * How public keys begin whose private half everybody can read: the 6 bytes that the core's list has
 * (`crates/token/src/keys/published_keys.rs`), in base64url and in its order. No verifier takes tokens of such a key.
 */
const PREFIXES = `
11qYAYKx PUAXw-hD _FHNjmIY J4EX_BRM 7Bcrk61e 38lCXk-W Dx0SdJQ7 Gb9ECWmE JrQLj5P_
O2onvM62 iojj3XQJ gTl3Dqh9 7UkoxijR ypOsFwUY bnoc3Smw iodf_x6z 6kpsY-Kc E5j2LG0a
_RckOFqg GX9rI-Fs dqFZIESm A6EHv_PO EyVxtrVa YFoX1w4j br1GZ4nd tDff5Uk6 xwDRa3VJ
9v1YSk4T YoyxFSh6 sxQCXRSf uDfjHL50 ohCf75-L TBsnq1W3 c5inKFnd GVvmWJYu xd_PRqxl
`

/** Whether anybody can sign with the key of this `x`. */
export const isPublished = (x: string) => PREFIXES.split(/\s+/).includes(x.slice(0, 8))
