import express from 'express'
import { askerOf, link } from './linked-accounts.js'
import { sessionOf } from './sessions.js'

/** Where a person who is signed in says that the person of an auth server is them. */
export const linkPage = express.Router()

const asText = (text: string) => text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
const page = (token: string, content: string) =>
  `<!doctype html><form method="post" action="/link"><input type="hidden" name="token" value="${token}">${content}</form>`

linkPage.use('/link', (_req, res, next) => {
  res.set({ 'content-security-policy': "frame-ancestors 'none'", 'cache-control': 'no-store' })
  next()
})

linkPage.get('/link', (req, res) => {
  const session = sessionOf(req)
  if (!session) return res.redirect(303, '/sign-in')
  // Never from the address: somebody else could send a link with their code.
  const field = '<label>The code that your agent shows: <input name="code" autocomplete="off"></label>'
  res.send(page(session.token, `${field} <button>Go on</button>`))
})

linkPage.post('/link', express.urlencoded({ extended: false }), (req, res) => {
  const session = sessionOf(req)
  const { token, code = '', decision } = req.body ?? {}
  if (!session || token !== session.token) return void res.status(403).send('Sign in, and begin again.')
  const asker = askerOf(String(code))
  if (!asker) return void res.status(400).send('This code is wrong, or too old. Let your agent ask again.')
  if (decision !== 'link') {
    const [agent, iss, account] = [asker.agent, asker.iss, session.account].map(asText)
    const what = `<p>${agent} acts for somebody who signs in at ${iss}. Is that you, ${account}?</p>
      <p>Then every agent that you allow there gets your photos here. If somebody sent you the code, close this page.</p>`
    const field = `<input type="hidden" name="code" value="${asText(String(code))}">`
    return void res.send(page(session.token, `${what}${field}<button name="decision" value="link">That is me</button>`))
  }
  link(String(code), session.account)
  res.send('Linked. Let your agent ask again.')
})
