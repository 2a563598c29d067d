import express from 'express'
import { callerOf, link } from './linked-accounts.js'
import { sessionOf } from './sessions.js'

/** Where a user who is signed in to your app confirms that they are the user of an auth server. */
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
  // Never take the code from the URL: an attacker could send a link with their own code.
  const field = '<label>The code that your agent shows: <input name="code" autocomplete="off"></label>'
  res.send(page(session.token, `${field} <button>Continue</button>`))
})

linkPage.post('/link', express.urlencoded({ extended: false }), (req, res) => {
  const session = sessionOf(req)
  const { token, code = '', decision } = req.body ?? {}
  if (!session || token !== session.token) return void res.status(403).send('Sign in, and start again.')
  const caller = callerOf(String(code))
  if (!caller) return void res.status(400).send('This code is wrong or has expired. Run your agent again.')
  if (decision !== 'link') {
    const [agent, iss, account] = [caller.agent, caller.iss, session.account].map(asText)
    const what = `<p>${agent} acts for a user of ${iss}. Is that user you, ${account}?</p>
      <p>If so, every agent that you allow there can get your photos here. If someone sent you the code, close this page.</p>`
    const field = `<input type="hidden" name="code" value="${asText(String(code))}">`
    return void res.send(page(session.token, `${what}${field}<button name="decision" value="link">That is me</button>`))
  }
  link(String(code), session.account)
  res.send('Linked. Run your agent again.')
})
