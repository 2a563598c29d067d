import { AgentError, createBrowserAgent } from 'countersign/browser'

const output = document.querySelector('pre')
const show = (text) => {
  output.textContent = text
}

const agent = await createBrowserAgent({
  authServers: [process.env.AUTH_SERVER],
  allowInsecureLoopback: location.protocol === 'http:', // plain http, to try it on this machine
})

async function showEvents() {
  try {
    const response = await agent.fetch(process.env.API) // the first time, this leads to the consent page
    show(await response.text())
  } catch (error) {
    if (error instanceof AgentError) show(error.message)
    else show('Your events are not available right now. Please try again later.')
  }
}

document.querySelector('button').addEventListener('click', () => void showEvents())
const { outcome, detail } = agent.returned ?? {} // set when the user comes back from the consent page
if (outcome === 'allowed') await showEvents()
if (outcome === 'denied') show('You did not share your events with this page.')
if (outcome === 'failed') show('That did not work. Please try again.')
if (outcome === 'refused') show(detail)
