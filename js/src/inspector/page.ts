// What happens when somebody types.
import type { CreateVerifier } from '../verifier.js'
import { find, say } from './element.js'
import type { Fields } from './field.js'
import { inspect, type Inspection } from './inspection.js'
import { show } from './view.js'

/** Long enough for a word to be typed, so that readers of the screen are not told of each letter. */
const PAUSE = 250

type Field = HTMLInputElement | HTMLTextAreaElement

/** Makes the page work. */
export function startPage(createVerifier: CreateVerifier): void {
  const inputs: Readonly<Record<keyof Fields, Field>> = {
    token: find('token', HTMLTextAreaElement),
    keys: find('keys', HTMLTextAreaElement),
    configuration: find('configuration', HTMLTextAreaElement),
    method: find('method', HTMLInputElement),
    path: find('path', HTMLInputElement),
    headers: find('headers', HTMLTextAreaElement),
    time: find('time', HTMLInputElement),
  }
  const permission = find('permission', HTMLInputElement)
  const all = [...Object.values(inputs), permission]
  let shown: Inspection | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const answer = () => {
    const asked = permission.value.trim()
    const { token } = shown ?? {}
    const text =
      token === undefined || asked === ''
        ? ''
        : token.can(asked)
          ? `Yes, it grants ${asked}.`
          : `No, it does not grant ${asked}.`
    say(find('permission-answer', HTMLElement), text)
  }
  const look = () => {
    clearTimeout(timer)
    shown?.verifier?.free()
    shown = undefined
    const fields = Object.fromEntries(
      Object.entries(inputs).map(([name, input]) => [name, input.value]),
    ) as Fields
    try {
      shown = inspect(fields, Math.floor(Date.now() / 1000), createVerifier)
      show(shown)
    } catch (error) {
      const status = find('status', HTMLElement)
      status.dataset.tone = 'bad'
      say(status, (error as Error).message)
      find('findings', HTMLElement).hidden = true
      return
    }
    find('findings', HTMLElement).hidden = false
    answer()
  }
  const lookSoon = () => {
    clearTimeout(timer)
    timer = setTimeout(look, PAUSE)
  }
  for (const input of Object.values(inputs)) input.addEventListener('input', lookSoon)
  permission.addEventListener('input', answer)
  find('again', HTMLButtonElement).addEventListener('click', look)
  find('clear', HTMLButtonElement).addEventListener('click', () => {
    for (const field of all) field.value = field.defaultValue
    look()
    inputs.token.focus()
  })
  look()
}
