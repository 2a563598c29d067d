import type { ProblemPage } from '../../models/problem-model.js'
import { type Problem, phrase } from '../parts/phrase.js'

/** The text of the problem pages, in English. */
export const enProblems: Record<ProblemPage['code'], Problem> = {
  request_unknown: {
    heading: 'This link doesn’t work',
    explanation: () => phrase`It’s incomplete or too old, or this server didn’t create it.`,
    advice: (agent) => phrase`Go back to ${agent} and start again.`,
  },
  link_invalid: {
    heading: 'This link no longer works',
    explanation: () =>
      phrase`It may have expired, or it has been used. It works only once, in a browser that accepts cookies.`,
    advice: () => phrase`If you still need it, ask for a new one.`,
  },
  request_expired: {
    heading: 'This request has ended',
    explanation: () => phrase`A request stays open for a limited time. This one ended before it was answered.`,
    advice: (agent) => phrase`If you still want this, go back to ${agent} and try again.`,
  },
  request_used: {
    heading: 'This request is closed',
    explanation: () => phrase`It was already answered or withdrawn. A request can be answered only once.`,
    advice: (agent) => phrase`If you still need something, go back to ${agent} and start again.`,
  },
  request_allowed: {
    heading: 'This request was allowed',
    explanation: () => phrase`We already have your answer, and a request can be answered only once.`,
    advice: (agent) => phrase`You can close this page. If ${agent} is still waiting, start again from there.`,
    retry: 'Go to My agents',
  },
  request_denied: {
    heading: 'This request was not allowed',
    explanation: () => phrase`It has been answered, and it gave no access.`,
    advice: (agent) => phrase`You can close this page. If you change your mind, start again from ${agent}.`,
  },
  request_other_session: {
    heading: 'Continue where you started',
    explanation: () =>
      phrase`This request can be answered only in the browser that opened it first, as long as that browser keeps its cookies.`,
    advice: () =>
      phrase`Continue in that browser, or start again from the agent. If someone sent you this link, close the page.`,
  },
  request_other_user: {
    heading: 'Only another user can answer this',
    explanation: () =>
      phrase`The agent that sent this request acts for one user only, and you’re signed in as someone else. The request stays open for that user.`,
    advice: () =>
      phrase`If the agent is yours, switch to the account that you use it with. If someone sent you this link, close the page.`,
  },
  request_agent_bound: {
    heading: 'The agent acts for another user',
    explanation: () =>
      phrase`Another user allowed this agent something before you did, and it can act for one user only. Your answer gave it no access.`,
    advice: () =>
      phrase`If you allowed it earlier with a different account, start again from the agent, and sign in with that account. Otherwise, ask the agent’s operator to set up a separate agent for you.`,
  },
  request_invalid: {
    heading: 'This request can’t be used',
    explanation: (agent) => phrase`${agent} sent you here with a request that we can’t use.`,
    advice: (agent) => phrase`Go back to ${agent}, which will learn what is wrong.`,
  },
  request_too_soon: {
    heading: 'We turned this request down for you',
    explanation: (agent) => phrase`You chose “Don’t allow”, and ${agent} asked for the same again too soon.`,
    advice: (agent, until) =>
      phrase`It can ask you again from ${until}. If you’ve changed your mind, start again from ${agent} then.`,
  },
  client_unknown: {
    heading: 'We can’t tell who is asking',
    explanation: () =>
      phrase`The program that sent you here isn’t registered with us, and we couldn’t use the details that should be published about it.`,
    advice: () =>
      phrase`Try again later. If that doesn’t help, contact the people who run this server, and give them the reference below.`,
  },
  redirect_mismatch: {
    heading: 'This link doesn’t match the request',
    explanation: () =>
      phrase`The address it would send you to is missing, or isn’t the one that the agent gave us. We stopped to keep you safe.`,
    advice: (agent) => phrase`Go back to ${agent} and start again. If this happens twice, don’t trust the link.`,
  },
  csrf: {
    heading: 'We couldn’t confirm this was you',
    explanation: () =>
      phrase`The form was too old, your browser didn’t send its cookies, or another site sent the form. We didn’t use it.`,
    advice: () => phrase`Open the page again and answer there.`,
    retry: 'Open the page again',
  },
  account_changed: {
    heading: 'You are now signed in to another account',
    explanation: () => phrase`The page you answered was made for a different account, so we didn’t use your answer.`,
    advice: () => phrase`Continue with this account, or sign in to the other one.`,
  },
  sign_in_changed: {
    heading: 'Your sign-in changed',
    explanation: () =>
      phrase`While we were working on this, you signed out, or the way you sign in was changed. We didn’t go ahead.`,
    advice: () => phrase`Try again. If you didn’t change anything, check your account’s security page.`,
    retry: 'Try again',
  },
  bad_form: {
    heading: 'Something in the form wasn’t right',
    explanation: () => phrase`Part of the form was missing or wasn’t what we expected, so we didn’t use it.`,
    advice: (agent) => phrase`Open the page again. If that doesn’t help, go back to ${agent} and start again.`,
    retry: 'Open the page again',
  },
  not_found: {
    heading: 'Page not found',
    explanation: () => phrase`The address may be mistyped, or the page may be gone.`,
    advice: () => phrase`Check the address, or go back to where you came from.`,
    retry: 'Go to My agents',
  },
  method_not_allowed: {
    heading: 'This page can’t be opened like that',
    explanation: () => phrase`It was opened in a way it isn’t made for.`,
    advice: (agent) => phrase`Go back to ${agent} and start again.`,
  },
  policy_forbids: {
    heading: 'Your administrator doesn’t allow this',
    explanation: (agent) => phrase`What ${agent} asked for isn’t allowed on this server.`,
    advice: () => phrase`If you need it, ask your administrator and give them the reference below.`,
    retry: 'Go back',
  },
  too_many_permissions: {
    heading: 'This agent already has too many permissions',
    explanation: (agent) => phrase`${agent} can’t be given more than 256 different permissions at one place.`,
    advice: () => phrase`Remove its access in My agents, and then start again.`,
    retry: 'Go to My agents',
  },
  too_many_requests: {
    heading: 'Too many attempts',
    explanation: () => phrase`There were many attempts in a short time, so we’re waiting a little.`,
    advice: () => phrase`Wait a few minutes, then try again.`,
  },
  temporarily_unavailable: {
    heading: 'Sorry, we can’t answer right now',
    explanation: () => phrase`The problem is on our side, not yours.`,
    advice: () => phrase`Wait a moment, then try again.`,
  },
  server_error: {
    heading: 'Sorry, something went wrong on our side',
    explanation: () => phrase`This is our mistake, not yours.`,
    advice: () => phrase`Try again. If it keeps happening, give us the reference below.`,
  },
}
