// jsonwebtoken verifies and signs: a JSON array of jobs on standard input, one of answers on standard output
// (tests/harness/party.py says what they are). It knows neither JWKS nor typ, so that falls to its caller.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { text } from 'node:stream/consumers'
import jwt from 'jsonwebtoken'

const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

function verify({ token, jwks, issuer, audience, typ, now }) {
  const header = jwt.decode(token, { complete: true })?.header
  const key = jwks.keys.find(({ kid, kty, use }) => kid === header?.kid && kty === 'EC' && use !== 'enc')
  if (!key) return { refused: 'no key of that name' }
  if (header.typ !== typ && header.typ !== `application/${typ}`) return { refused: `typ is ${header.typ}` }

  const options = { algorithms: ['ES256'], issuer, audience, clockTimestamp: now }
  const object = createPublicKey({ key, format: 'jwk' })
  const claims = jwt.verify(token, object, options)
  jwt.verify(token, object.export({ type: 'spki', format: 'pem' }), options)
  return { claims }
}

function sign({ header, claims, key, embed }) {
  if (key?.secret) key = Buffer.from(key.secret, 'base64url')
  else if (key) key = createPrivateKey({ key, format: 'jwk' })
  else if (header.alg !== 'none') {
    const made = generateKeyPairSync('ec', { namedCurve: curves[header.alg] })
    key = made.privateKey
    if (embed) header.jwk = made.publicKey.export({ format: 'jwk' })
  }
  return { token: jwt.sign(claims, key ?? '', { algorithm: header.alg, header }) }
}

const verbs = { verify, sign }
const answers = []
for (const job of JSON.parse(await text(process.stdin))) {
  try {
    answers.push(verbs[job.do](job))
  } catch (error) {
    answers.push({ refused: `${error.name}: ${error.message}` })
  }
}
process.stdout.write(JSON.stringify(answers))
