// The command of the package against that in Rust: the same words, the same output, status and files.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { vectors } from './support/check.mjs'
import { CASES } from './support/command_cases.mjs'
import { makeFiles, OPAQUE } from './support/command_files.mjs'
import {
  BOTH,
  contents,
  ISSUER,
  manifest,
  modes,
  must,
  newDirectory,
  NOW,
  run,
} from './support/command.mjs'

const origin = await makeFiles()
/** Each has its own copy of everything. */
const copies = { rust: newDirectory(), node: newDirectory() }
for (const copy of Object.values(copies))
  cpSync(origin, copy, { recursive: true, verbatimSymlinks: true })

/** What comes before an empty line: after it an error of clap shows the usage, with flags that are in Rust alone. */
const firstPart = (text) => text.split('\n\n')[0].trimEnd()

/** What is asked for, as far as it can be seen. */
const nameOf = (words, input) =>
  [...words, ...(input ? ['<', input] : [])].join(' ').replaceAll(/[^ -~]+/g, '?')

describe(`${CASES.length} commands`, { concurrency: 4 }, () => {
  for (const { words, input, added = '', status, inOtherWords } of CASES)
    test(nameOf(words, input), async () => {
      const given = input && readFileSync(join(origin, input), 'utf8') + added
      const [theirs, ours] = await Promise.all(
        BOTH.map((which) =>
          run(which, copies[which], words, { input: given, variables: { OPAQUE } }),
        ),
      )
      assert.deepEqual([theirs.status, ours.status], [status, status], ours.stderr + theirs.stderr)
      assert.equal(ours.stdout, theirs.stdout)
      assert.equal(ours.stdout === '', status === 2)
      if (status === 2) for (const { stderr } of [theirs, ours]) assert.match(stderr, /^error: ./)
      if (!inOtherWords) assert.equal(firstPart(ours.stderr), firstPart(theirs.stderr))
    })
})

test('what both have noted down in all these is the same, byte for byte', () => {
  for (const keys of ['keys', 'rules', 'late', 'other']) {
    const [before, theirs, ours] = [origin, ...Object.values(copies)].map((copy) =>
      contents(join(copy, keys)),
    )
    assert.deepEqual(ours, theirs)
    assert.equal(ours['keys.json'] !== before['keys.json'], keys !== 'other')
  }
})

test('keygen makes the same files with the same modes, whatever the umask, and never overwrites', async () => {
  for (const umask of ['022', '077', '000', '177']) {
    // With the last of these nothing can be made in what was made before.
    const out = umask === '177' ? 'keys' : 'a/keys'
    const before = ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh']
    const [theirs, ours] = await Promise.all(
      BOTH.map(async (which) => {
        const directory = newDirectory()
        const words = ['keygen', '--out', out, '--kid', '--é"']
        const { status, stderr } = await run(which, directory, words, { before })
        assert.equal(status, 0, stderr)
        return { directory: join(directory, out), stderr }
      }),
    )
    assert.equal(ours.stderr, theirs.stderr)
    assert.deepEqual(modes(ours.directory), modes(theirs.directory))
    const { '.': own, 'keys.json': state, 'root.jwk': root } = modes(ours.directory)
    assert.deepEqual([own, state, root], ['700', '600', '600'])
    // All but the keys themselves.
    const [their, our] = [theirs, ours].map(({ directory }) =>
      Object.entries(contents(directory)).map(([name, text]) => [
        name,
        text.replaceAll(/"[\w-]{43}"/g, '"a key"'),
      ]),
    )
    assert.deepEqual(our, their)
  }
  const directory = newDirectory()
  await must('node', directory, 'keygen', '--out', 'keys')
  const keys = join(directory, 'keys')
  const before = contents(keys)
  const { kid, x } = JSON.parse(before['jwks.json']).keys[0]
  const { d } = JSON.parse(before['keys.json']).keys[0].jwk
  assert.equal(new Set([kid, x, d]).size, 3)
  for (const name of Object.keys(before)) {
    for (const other of Object.keys(before)) if (other !== name) rmSync(join(keys, other))
    for (const which of BOTH) {
      const { status, stderr } = await run(which, directory, ['keygen', '--out', 'keys'])
      assert.deepEqual(
        [status, stderr],
        [2, `error: keys/${name}: expected no such file: keys are never overwritten\n`],
      )
      assert.deepEqual(contents(keys), { [name]: before[name] })
    }
    for (const [other, text] of Object.entries(before))
      writeFileSync(join(keys, other), text, { mode: 0o600 })
  }
})

for (const [first, second] of [BOTH, BOTH.toReversed()])
  test(`a directory of ${first} serves ${second}, and both again`, async () => {
    const directory = newDirectory()
    await must(first, directory, 'keygen', '--out', 'keys')
    const keys = join(directory, 'keys')
    const words = ['issue', '--key', 'keys', '--issuer', ISSUER, '--audience', 'api', '--now']
    const tokens = []
    for (const [index, which] of [second, first, second].entries())
      tokens.push(await must(which, directory, ...words, String(NOW), '--ttl', `${3 - index}h`))
    const provider = { name: 'main', issuer: ISSUER, audiences: ['api'] }
    const inline = JSON.parse(contents(keys)['jwks.json'])
    const config = { version: 1, providers: [{ ...provider, keys: { inline } }] }
    writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
    for (const input of tokens)
      for (const which of BOTH) {
        const asked = ['verify', '--config', 'config.json', '--now', String(NOW)]
        assert.equal((await run(which, directory, asked, { input })).status, 0)
      }
    // The end of the last token becomes that of its key, which is what the note is for.
    const times = ['--lead', '0s', '--security-period', '0s', '--now', String(NOW)]
    await must('rust', directory, 'rotate', 'keys', '--kid', 'next', ...times)
    const [status] = (await must('rust', directory, 'status', 'keys')).split('\n')
    assert.equal(JSON.parse(status).ends, NOW + 3 * 3600)
    for (const which of BOTH) {
      const token = await must(which, directory, ...words, String(NOW + 1))
      assert.match(Buffer.from(token, 'base64url').toString(), /"kid":"next"/)
    }
  })

test('many at once, and each is noted down', async () => {
  const directory = newDirectory()
  await must('node', directory, 'keygen', '--out', 'keys')
  const words = ['issue', '--key', 'keys', '--issuer', ISSUER, '--audience', 'a', '--now']
  const hours = Array.from({ length: 12 }, (_, index) => ((index * 5) % 12) + 1)
  await Promise.all(
    hours.map((hour) => must('node', directory, ...words, String(NOW), '--ttl', `${hour}h`)),
  )
  const state = JSON.parse(contents(join(directory, 'keys'))['keys.json'])
  assert.equal(state.keys[0].last_token, NOW + 12 * 3600)
  assert.deepEqual(readdirSync(join(directory, 'keys')).sort(), [
    'jwks.json',
    'keys.json',
    'root.jwk',
    'roots.json',
  ])
})

test('what the other command has written meanwhile is not lost', async () => {
  const directory = newDirectory()
  await must('node', directory, 'keygen', '--out', 'keys')
  // It waits for these claims while it has the directory.
  assert.equal(spawnSync('mkfifo', [join(directory, 'claims')]).status, 0)
  const issued = run('node', directory, ['issue', '--key', 'keys', '--claims', 'claims'])
  while (!existsSync(join(directory, 'keys/lock.npx'))) await setTimeout(5)
  await setTimeout(300)
  await must('rust', directory, 'rotate', 'keys', '--kid', 'next')
  const before = contents(join(directory, 'keys'))
  writeFileSync(join(directory, 'claims'), `{"exp":${NOW}}`)
  const { status, stdout, stderr } = await issued
  assert.deepEqual([status, stdout], [2, ''])
  assert.match(stderr, /^error: keys\/keys\.json: another command has changed it just now/)
  assert.deepEqual(contents(join(directory, 'keys')), before)
  assert.ok(!existsSync(join(directory, 'keys/lock.npx')))
})

test('a lock that nobody takes away is said after ten seconds, and stays', async () => {
  const directory = newDirectory()
  await must('node', directory, 'keygen', '--out', 'keys')
  const before = contents(join(directory, 'keys'))
  writeFileSync(join(directory, 'keys/lock.npx'), '')
  const start = Date.now()
  const words = ['issue', '--key', 'keys', '--issuer', ISSUER, '--audience', 'a']
  const { status, stderr } = await run('node', directory, words)
  assert.deepEqual([status, Date.now() - start >= 10_000], [2, true], stderr)
  assert.match(stderr, /^error: keys\/lock\.npx: somebody else has locked the directory/)
  assert.deepEqual(contents(join(directory, 'keys')), before)
  assert.ok(existsSync(join(directory, 'keys/lock.npx')))
})

test('files of somebody else are refused', { skip: process.getuid?.() !== 0 }, async () => {
  const answers = await Promise.all(
    BOTH.map(async (which) => {
      const directory = newDirectory()
      await must(which, directory, 'keygen', '--out', 'keys')
      const words = ['issue', '--key', 'keys', '--issuer', ISSUER, '--audience', 'a']
      assert.equal(spawnSync('chown', ['65534', join(directory, 'keys')]).status, 0)
      const directories = await run(which, directory, words)
      assert.equal(spawnSync('chown', ['0', join(directory, 'keys')]).status, 0)
      assert.equal(spawnSync('chown', ['65534', join(directory, 'keys/keys.json')]).status, 0)
      return [directories, await run(which, directory, words)]
    }),
  )
  assert.deepEqual(answers[1], answers[0])
  for (const { status, stderr } of answers[1])
    assert.deepEqual(
      [status, /expected the owner to be the user who runs this, 0, found 65534/.test(stderr)],
      [2, true],
    )
})

test('what the command in Rust has alone is said to be there', async () => {
  const others = ['rotate', 'revoke', 'unrevoke', 'replace', 'publish', 'status']
  for (const words of [
    ['keygen', '--encryption', '--out', 'x'],
    ['issue', '--seal-for', 'x'],
    ...others.map((name) => [name, 'keys']),
  ]) {
    const { status, stdout, stderr } = await run('node', copies.node, words)
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, /^error: .*only the command in Rust has it/)
  }
})

test('both say what there is', async () => {
  for (const which of BOTH) {
    const { status, stdout, stderr } = await run(which, copies[which], [])
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, /Usage: datakit-token <COMMAND>/)
  }
  for (const words of [['--help'], ['-h'], ['help'], ['keygen', '--help'], ['issue', '-h']]) {
    const [theirs, ours] = await Promise.all(BOTH.map((which) => run(which, copies[which], words)))
    assert.deepEqual([ours.status, ours.stderr], [0, ''])
    assert.ok(!/--encryption|--seal-for/.test(ours.stdout))
    // Whatever flag there is has the same words in both.
    const lines = ours.stdout.split('\n').filter((line) => /^ +-/.test(line))
    const known = theirs.stdout.split('\n').map((line) => line.replace(/ +/g, ' '))
    for (const line of lines) assert.ok(known.includes(line.replace(/ +/g, ' ')), line)
    assert.ok(lines.length >= 2)
  }
  const { stdout } = await run('node', copies.node, ['-V'])
  assert.equal(stdout, `datakit-token ${manifest.version}\n`)
})

test('inspect --page says where the page is, and opens it', async () => {
  // Elsewhere another program opens it.
  if (process.platform !== 'linux') return
  const directory = newDirectory()
  const opened = join(directory, 'opened')
  const opener = join(directory, 'xdg-open')
  writeFileSync(
    opener,
    `#!/bin/sh\nprintf %s "$1" > ${opened}.new && mv ${opened}.new ${opened}\n`,
    {
      mode: 0o755,
    },
  )
  const variables = { PATH: `${directory}:${process.env.PATH}` }
  const { status, stdout } = await run('node', directory, ['inspect', '--page'], { variables })
  assert.equal(status, 0)
  const page = stdout.trimEnd()
  assert.match(readFileSync(page, 'utf8'), /<title>/)
  for (let waited = 0; !existsSync(opened) && waited < 5000; waited += 20) await setTimeout(20)
  assert.equal(readFileSync(opened, 'utf8'), String(pathToFileURL(page)))
  // Where nothing opens it, the path is enough.
  rmSync(opener)
  const alone = { PATH: directory }
  assert.equal(
    (await run('node', directory, ['inspect', '--page'], { variables: alone })).status,
    0,
  )
  assert.match((await run('node', directory, ['inspect', '--help'])).stdout, /--page/)
})

test('60 of the shared vectors, through both', async (context) => {
  const plain = vectors.filter(({ config }) => typeof config === 'object')
  const chosen = Array.from(
    { length: 60 },
    (_, index) => plain[Math.floor((index * plain.length) / 60)],
  )
  assert.equal(new Set(chosen).size, 60)
  const judge = async ({ name, config, request, now, expect, environment }) => {
    const directory = newDirectory()
    writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
    writeFileSync(join(directory, 'request.json'), JSON.stringify(request))
    const files = ['--config', 'config.json', '--request', 'request.json']
    const words = ['decide', ...files, '--now', String(now)]
    const [theirs, ours] = await Promise.all(
      BOTH.map((which) => run(which, directory, words, { variables: environment })),
    )
    assert.deepEqual(ours, theirs, name)
    assert.equal(JSON.parse(ours.stdout).reason, expect.reason, name)
    return ours.status
  }
  const statuses = []
  for (let index = 0; index < chosen.length; index += 6)
    statuses.push(...(await Promise.all(chosen.slice(index, index + 6).map(judge))))
  context.diagnostic(`${statuses.filter((status) => status === 0).length} of them allowed`)
  assert.deepEqual([...new Set(statuses)].sort(), [0, 1])
})
