// A configuration with every member that there is; which the schema test makes sure of.
const key = (kid, x) => ({ kty: 'OKP', crv: 'Ed25519', kid, x, for_tests: true })
const k1 = key('k1', '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo')
// Of RFC 8037 appendix A.6, under an id of its own.
const decryption = {
  kty: 'OKP',
  crv: 'X25519',
  kid: 'e1',
  x: '3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08',
  d: 'XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os',
  for_tests: true,
}
const remote = {
  url: 'https://id.example.com/jwks.json',
  cluster: 'id',
  timeout: '5s',
  refresh: '5m',
  cooldown: '10s',
  stale_for: '1h',
  max_bytes: 65536,
}
const provider = (name, keys, more = {}) => ({
  name,
  issuer: `https://${name}.example.com`,
  audiences: ['api'],
  keys,
  ...more,
})

export const sample = {
  $schema: './config.schema.json',
  version: 1,
  mode: 'enforce',
  transport: { require_https: 'off' },
  presets: ['dataway', 'datakit', 'openapi'],
  providers: [
    provider(
      'inline',
      { inline: { keys: [k1] } },
      {
        subjects: [{ exact: 'alice' }, { prefix: 'acnt_' }],
        algorithms: ['EdDSA', 'Ed25519'],
        types: ['at+jwt', 'JWT'],
        allow_missing_type: true,
        required_claims: ['jti'],
        claims: {
          roles: '/realm_access/roles',
          permissions: '/permissions',
          scope: '/scope',
          workspace: '/workspace',
        },
        clock_skew: '30s',
        max_lifetime: '1d',
        max_age: '7d',
        revocations: [
          {
            match: { workspace: 'wksp_5b8d', level: 3, staff: false },
            issued_before: 1790000001,
            from: 1790000601,
          },
          { header: { kid: '2026-10' } },
          { all: true, issued_before: 1700000000 },
        ],
        encryption: { required: false, keys: { inline: { keys: [decryption] } } },
        opaque_tokens: [
          {
            token: { value: 'tkn_0123456789abcdef0123456789abcdef' },
            expires_at: 1800000000,
            subject: 'old',
            workspace: 'wksp_5b8d',
            roles: ['general'],
            permissions: ['ingest.logging'],
          },
        ],
        from: {
          headers: [
            { name: 'authorization', scheme: 'Bearer' },
            { name: 'x-token', placeholder: 'agent_' },
          ],
          params: ['wt', { name: 'token', placeholder: 'tkn_' }],
          cookies: ['__Host-token'],
          cookie_origins: ['https://app.example.com'],
        },
        swap: {
          secrets: { wksp_5b8d: { value: 'tkn_secret' }, wksp_other: { env: 'WORKSPACE_TOKEN' } },
          to: { param: 'token' },
        },
        claims_to_headers: [
          { claim: '/sub', header: 'x-user', format: 'text', non_ascii: 'percent' },
        ],
      },
    ),
    provider(
      'remote',
      { remote },
      { forward: true, encryption: { required: true, keys: { env: 'DECRYPTION_KEYS' } } },
    ),
    provider(
      'bundle',
      { bundle: { roots: { keys: [k1] }, min_seq: 3, remote } },
      { swap: { secrets: {}, to: { header: 'df-api-key' } } },
    ),
  ],
  roles: { owner: ['*'], general: ['log.*', 'ingest.logging'] },
  policies: { staff: { any: [{ role: 'owner' }, { scope: 'staff' }] } },
  paths: { ignore_case: true, ignore_trailing_slash: true },
  rules: [
    { name: 'preflight', match: { cors_preflight: true }, allow: 'unchecked' },
    {
      match: {
        hosts: ['api.example.com', '*.example.com'],
        methods: ['GET', 'POST'],
        path: { exact: '/healthz' },
      },
      allow: 'anyone',
    },
    { match: { path: { prefix: '/any' } }, paths: 'as_sent', allow: 'authenticated' },
    {
      match: { path: { template: '/t/{workspace}/**' } },
      require: {
        all: [
          { permission: 'log.Query' },
          { policy: 'staff' },
          { provider: 'inline' },
          { client_address: ['10.0.0.0/8'] },
          { claim: '/workspace', equals: { path_param: 'workspace' } },
          { claim: '/tenants', contains: { header: 'x-tenant' } },
          { claim: '/level', in: { values: [1, 2, 'x', true] } },
          { claim: '/kind', equals: { value: 'agent' }, optional: true },
          { claim: '/id', equals: { query_param: 'id' } },
          { claim: '/tags', allows: { header: 'x-global-tags' } },
          { claim: '/networks', covers: { connection: 'client_address' } },
        ],
      },
    },
  ],
  responses: {
    realm: 'api',
    retry_after: '5s',
    format: 'problem+json',
    show_reason: true,
    status: { expired: 503 },
    cors: { origins: ['https://app.example.com'] },
  },
  limits: { token_bytes: 8192, parked_requests: 256, cached_tokens: 100, key_table_bytes: 4194304 },
}

/** What the core gives to secrets of the sample. */
export const environment = {
  WORKSPACE_TOKEN: 'tkn_fromTheEnvironment',
  DECRYPTION_KEYS: JSON.stringify({ keys: [decryption] }),
}
