// jose verifies and signs: a JSON array of jobs on standard input, one of answers on standard output
// (tests/harness/party.py says what they are).
import { text } from 'node:stream/consumers'
import * as jose from 'jose'

// As RFC 9068 asks it of a resource server: its claims are there (2.2), and nothing is from the future.
const required = ['exp', 'iat', 'sub', 'jti', 'client_id']

async function verify({ token, jwks, issuer, audience, typ, now }) {
  const { payload } = await jose.jwtVerify(token, jose.createLocalJWKSet(jwks), {
    algorithms: ['ES256'], requiredClaims: required, maxTokenAge: '1 day', issuer, audience, typ,
    ...(now !== undefined && { currentDate: new Date(now * 1000) }),
  })
  return { claims: payload }
}

// The bytes under a signature of any algorithm, which need not be claims.
async function open({ token, jwks }) {
  const { payload } = await jose.compactVerify(token, jose.createLocalJWKSet(jwks))
  return { text: new TextDecoder().decode(payload) }
}

async function sign({ header, claims, key, embed }) {
  if (header.alg === 'none') return { token: new jose.UnsecuredJWT(claims).encode() }
  if (key?.secret) key = jose.base64url.decode(key.secret)
  else if (key) key = await jose.importJWK(key, header.alg)
  else {
    const made = await jose.generateKeyPair(header.alg)
    key = made.privateKey
    if (embed) header.jwk = await jose.exportJWK(made.publicKey)
  }
  return { token: await new jose.SignJWT(claims).setProtectedHeader(header).sign(key) }
}

const verbs = { verify, open, sign }
const answers = []
for (const job of JSON.parse(await text(process.stdin))) {
  try {
    answers.push(await verbs[job.do](job))
  } catch (error) {
    answers.push({ refused: `${error.code ?? error.name}: ${error.message}` })
  }
}
process.stdout.write(JSON.stringify(answers))
