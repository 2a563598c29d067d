import type { ProblemPage } from '../models.js'
import { phrase } from './phrase.js'
import type { Problem } from './problem.js'

/** What the problem pages say in English. */
export const enProblems: Record<ProblemPage['code'], Problem> = {
  request_unknown: {
    heading: 'We do not know this request',
    explanation: () => phrase`The link is not complete, or it was not made by us.`,
    advice: (agent) => phrase`Go back to ${agent} and start again.`,
  },
  request_expired: {
    heading: 'This request has ended',
    explanation: () => phrase`A request stays open for a short time only. This one ended before it was answered.`,
    advice: (agent) => phrase`If you still want this, go back to ${agent} and try again.`,
  },
  request_used: {
    heading: 'This request was already answered',
    explanation: () => phrase`Every request can be answered once.`,
    advice: (agent) => phrase`If you still need something, go back to ${agent} and start again.`,
  },
  request_allowed: {
    heading: 'You allowed this request',
    explanation: () => phrase`We have your answer, and a request can be answered only once.`,
    advice: (agent) => phrase`You can close this page. If ${agent} is still waiting, start again from there.`,
    retry: 'Go to My agents',
  },
  request_denied: {
    heading: 'You did not allow this request',
    explanation: () => phrase`We have your answer. This request gave no access.`,
    advice: (agent) => phrase`You can close this page. If you change your mind, start again from ${agent}.`,
  },
  request_other_session: {
    heading: 'Continue where you started',
    explanation: () => phrase`This request is open in another browser, and only that one can answer it.`,
    advice: () => phrase`Go on in that browser, or start again from the agent.`,
  },
  redirect_mismatch: {
    heading: 'This link does not fit the request',
    explanation: () =>
      phrase`It would send you to another address than the one we were given. We stopped to keep you safe.`,
    advice: (agent) => phrase`Go back to ${agent} and start again. If this happens twice, do not trust the link.`,
  },
  csrf: {
    heading: 'We could not tell that this came from you',
    explanation: () => phrase`The form was too old, or another site sent it. It was not used.`,
    advice: () => phrase`Open the page again and answer there.`,
    retry: 'Open the page again',
  },
  account_changed: {
    heading: 'You are now signed in to another account',
    explanation: () => phrase`The page you answered was made for a different account, so your answer was not used.`,
    advice: () => phrase`Continue with this account, or sign in to the other one.`,
  },
  bad_form: {
    heading: 'Something in the form was not right',
    explanation: () => phrase`A part was missing or had changed on the way. The form was not used.`,
    advice: (agent) => phrase`Open the page again. If that does not help, go back to ${agent} and start again.`,
    retry: 'Open the page again',
  },
  not_found: {
    heading: 'There is no page here',
    explanation: () => phrase`The address may have a typing mistake, or the page is gone.`,
    advice: () => phrase`Check the address, or go back to where you came from.`,
    retry: 'Go to My agents',
  },
  method_not_allowed: {
    heading: 'This address cannot be used that way',
    explanation: () => phrase`It was opened in a way it is not made for.`,
    advice: (agent) => phrase`Go back to ${agent} and start again.`,
  },
  policy_forbids: {
    heading: 'Your organisation does not allow this agent',
    explanation: (agent) => phrase`The people who run this server do not allow ${agent} to act for you.`,
    advice: () => phrase`If you need it, ask them and give them the reference below.`,
    retry: 'Go back',
  },
  too_many_requests: {
    heading: 'Too many attempts',
    explanation: () => phrase`To keep accounts safe, we wait a little after many attempts in a row.`,
    advice: () => phrase`Wait a few minutes, then try again.`,
  },
  temporarily_unavailable: {
    heading: 'Sorry, we are not ready right now',
    explanation: () => phrase`This is on our side, not yours. It should be over soon.`,
    advice: () => phrase`Wait a moment, then try again.`,
  },
  server_error: {
    heading: 'Sorry, something went wrong on our side',
    explanation: () => phrase`It was nothing you did.`,
    advice: () => phrase`You can safely try again. If it keeps happening, tell us the reference below.`,
  },
}
