// The page that looks at tokens (js/inspector): a classic script, as pages from a folder load no modules.
import { startPage } from '../inspector/page.js'
import { createVerifier } from './inline.js'

startPage(createVerifier)
