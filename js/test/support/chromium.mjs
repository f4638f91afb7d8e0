// Chromium, for one test file.
import { after } from 'node:test'
import { chromium } from 'playwright-core'
import { chromiumOptions } from './unpacked.mjs'

/** Whether the browser is to be left out, which `cargo xtask` counts. */
export const isSkipped = (process.env.DATAKIT_TOKEN_SKIP ?? '').split(',').includes('browser')

/** Starts it, until the end of the file. */
export async function launch() {
  const browser = await chromium.launch(chromiumOptions())
  after(() => browser.close())
  return browser
}
