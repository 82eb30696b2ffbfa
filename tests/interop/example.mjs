// A web application on the host, which users enter with the token of their login:
//
//         ISSUER=… AUDIENCE=… node example.mjs
//         curl -H "Authorization: Bearer $(sessjwt token)" http://127.0.0.1:8080/
//
// It needs the published keys alone. So a token is good here until it expires, 15 minutes by default, even if
// its session ends before; who must know at once reads the status byte, too: README.
import { readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createLocalJWKSet, jwtVerify } from 'jose'

const JWKS = '/run/sessjwt/public/jwks.json'
let keys, seen

// Keys come and go; the file is replaced as a whole.
async function findKey(header, token) {
  const { ino, mtimeMs } = await stat(JWKS)
  if (seen !== `${ino} ${mtimeMs}`) {
    keys = createLocalJWKSet(JSON.parse(await readFile(JWKS, 'utf8')))
    seen = `${ino} ${mtimeMs}`
  }
  return keys(header, token)
}

async function answer(request, response) {
  const [, token] = request.headers.authorization?.match(/^Bearer ([\w.-]+)$/) ?? []
  try {
    const { payload } = await jwtVerify(token, findKey, {
      issuer: process.env.ISSUER, audience: process.env.AUDIENCE, typ: 'at+jwt', algorithms: ['ES256'],
      requiredClaims: ['sub', 'sid', 'exp'],
    })
    response.end(`hello ${payload.sub}, ${payload.role}\n`)
  } catch (error) {
    console.error(error.message)
    response.writeHead(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }).end('log in first\n')
  }
}

for (const name of ['ISSUER', 'AUDIENCE'])
  if (!process.env[name]) throw new Error(`${name} is not set: any token would do`)
const server = createServer(answer).listen(process.env.PORT ?? 8080, '127.0.0.1', () => {
  console.log(`listening on port ${server.address().port}`)
})
