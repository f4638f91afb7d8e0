// What `npx datakit-token` runs.
import { run } from '../command/command.js'

// Not `process.exit`, which would cut off what a pipe has not taken yet.
process.exitCode = await run(process.argv.slice(2))
