// Loads biscuit-wasm everywhere: its own entry wants the runtime to import WebAssembly, which most do not do or do
// differently.
export async function biscuit(glue, module) {
  const imports = {}
  for (const { module: from } of WebAssembly.Module.imports(module)) {
    imports[from] = from.endsWith('biscuit_bg.js')
      ? glue
      : { performance_now: () => performance.now() }
  }
  const { exports } = await WebAssembly.instantiate(module, imports)
  glue.__wbg_set_wasm(exports)
  // It says on the console that it loads.
  const { log } = console
  console.log = () => {}
  try {
    exports.__wbindgen_start()
  } finally {
    console.log = log
  }
  return glue
}
