import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { createSigner } from 'countersign'
import { createAgentServer } from 'countersign/agent-server'
import { createNodeListener, fileDelegates } from 'countersign/node'
import { build } from 'esbuild'

const {
  APP = 'http://127.0.0.1:8010', // the URL of the page; in production an https URL
  AUTH_SERVER = 'http://127.0.0.1:8003', // the only server where users would enter a password
  API = 'http://127.0.0.1:8005/events',
  PORT = new URL(APP).port || '8080', // behind your TLS proxy
} = process.env

const agentServer = createAgentServer({
  id: APP,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  redirectUris: [`${APP}/callback`], // serves the page, too
  about: { name: 'My calendar' }, // shown on the consent page
  delegates: fileDelegates('./delegates'),
  enroll: ({ thumbprint }) => ({ name: `browser-${thumbprint.slice(0, 12)}` }), // any browser
  allowInsecureLoopback: APP.startsWith('http:'), // plain http, to try it on this machine
})

const html = `<!doctype html>
<title>My calendar</title>
<button>Show my events</button>
<pre></pre>
<script type="module" src="/page.js"></script>`

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('page.mjs', import.meta.url))],
  bundle: true,
  format: 'esm',
  write: false,
  define: { 'process.env.AUTH_SERVER': JSON.stringify(AUTH_SERVER), 'process.env.API': JSON.stringify(API) },
})

async function serve(request, received) {
  const { pathname } = new URL(request.url)
  if (pathname === '/' || pathname === '/callback')
    return new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } })
  if (pathname === '/page.js')
    return new Response(outputFiles[0].text, { headers: { 'content-type': 'text/javascript' } })
  return agentServer.handler(request, received)
}
createServer(createNodeListener(serve, { origin: APP })).listen(Number(PORT), '127.0.0.1')
