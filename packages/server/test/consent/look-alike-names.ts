/** Names of products, companies and things that are not mistaken for a brand that the server knows. */
export const ordinaryNames = `
A Cloud Guru|Acme Travel|Acorn Budget|Actual Budget|Adminer|Aeropress Timer|Agenda|Air Table Sync|Airbyte|Airmail|Akiflow|
Alfred|Allegro|Alpine Weather|Amaze Labs|Amazing Race Tracker|Ampersand|Anchor|Anki|Antenna|Any.do|Apollo|Apparel Finder|
Appetite|Applied Research|Appointments|Apricot|Aquarium|Arc Browser|Archive Box|Aria|Asana|Atlas|Audacity|Aurora|Autumn|
Backblaze|Bamboo|Banner Maker|Basecamp|Beacon|Bear Notes|Beeper|Benchmark|Better Stack|Bicycle Routes|Bitwarden|Blender|
Blue Sky Photos|Book Club|Bookworm|Brave|Breeze|Budget Buddy|Buffer|Bugsnag|Bumble|Butterfly|Calendar Helper|Calendly|
Calibre|Calm|Camel Camel Camel|Canva|Carbon|Cargo|Castle|Celsius|Chamber|Charger Map|Checklist|Chess Coach|Chronicle|
Circle|Citrus|Clause Review|Clearbit|Clipper|Clockwise|Cloud Backup|Cloud Storage Helper|Cloudy Weather|Coda|Code Review|
Compass|Composer|Confluence|Contacts Export|Copper|Coral|Corner Shop|Craft|Crayon|Cricket Scores|Crocodile|Cross Country|
Cypress|Daily Digest|Dashlane|Data Studio|Datadog|Deep Seas Diving|Delta Chat|Dental Care|Depot|Design Desk|Diary|Directus|
Discard Pile|Docker|Dolphin|Domino|Dovecot|Dragon|Drip|Dropzone|Drum Kit|Duolingo|Dust|Eagle|Earth Day|Echo Park|Eclipse|
Elastic|Elementary|Elm Street|Emacs|Ember|Endless|Envoy|Equinox|Evergreen|Evernote|Expense Report|Express|Fabric|Falcon|
Family Tree|Fantastical|Fathom|Feather|Feedly|Fern|Ferry Times|Fetch|Figma|File Renamer|Finance Tracker|Firefly|Fish Market|
Fitness Log|Flask|Flicker|Flow|Folder Cleaner|Food Diary|Forecast|Forest|Forms|Fossil|Foundry|Fox News Reader|Framer|Freight|
Front|Fusion|Gallery|Garden Planner|Garmin|Gather|Gazette|Genius|Geometry|Ghost|Gift List|Giraffe|Git Statistics|Glacier|
Glimpse|Goggles|Gold Price|Good Reads List|Grafana|Grammarly|Granite|Grape|Graph Paper|Green Field|Grid|Grocery List|Guitar|
Habit Tracker|Hammer|Harbour|Harvest|Hawk|Headspace|Heap|Helium|Herald|Hike|Home Assistant|Honeycomb|Horizon|Hotjar|
House Hunt|Hubble|Hugo|Iconic|Ideas|Igloo|Illustrator|Inbox Zero|Indigo|Inkscape|Insomnia|Instant Pot|Insta Recipes|Intercom|
Invoice Ninja|Island|Ivy|Jasmine|Jellyfin|Jenkins|Journal|Juniper|Jupyter|Kanban|Kayak|Keyboard|Kindle Notes|Kite|Kiwi|Koala|
Kotlin|Lamp|Landing|Lantern|Laser|Lattice|Launchpad|Laundry|Lemon|Lens|Library|Lighthouse|Lightroom|Lime|Linear|Link Checker|
Lion|Lobster|Logbook|Logger|Loom|Lotus|Lucid|Lunar|Magnet|Mailchimp|Mango|Map Box|Maple|Marble|Market Watch|Mastodon|
Matrix|Meadow|Meal Plan|Medium|Meeting Notes|Melon|Mercury|Mermaid|Metro Times|Micro Soft Drinks Guide|Minimalist|Mint|Mirror|
Miro|Mix Master|Mobile Garage|Moment|Monday|Mosaic|Motion|Mountain|Museum|Music Box|Nature|Navigator|Nectar|Neon|Nest Egg|
Net Flow|News Feed|Nextcloud|Node.js Runner|Noon|North Star|Notebook|Notion|Nova|Oak|Oasis|Obsidian|Ocean|Octopus|Office Hours|
Olive|Omni Focus|Onion|Open API Explorer|Open Air Cinema|Open Source Radar|OpenAPI Docs|Opera|Orange|Orbit|Orchard|Organizer|
Otter|Outline|Outlet|Owl|Oxygen|Package Tracker|Paint|Palm|Pancake|Panda|Paper|Papal History|Parcel|Parking|Pasta|Pay Slip Archive|
Pebble|Pelican|Pencil|Penguin|Pepper|Phoenix|Photo Album|Piano|Pigeon|Pilot|Pine|Pineapple|Pipe Dream|Pixel|Planet|Plankton|
Plant Care|Playlist|Plex|Plum|Pocket|Podcast|Polar|Pomodoro|Poppy|Portfolio|Post Office|Postman|Potato|Prism|Project Board|
Proton|Pulse|Puzzle|Quartz|Quick Notes|Quiz|Rabbit|Radar|Rain|Raven|Raycast|Reader|Receipt Scanner|Recipe Box|Redis Browser|
Reminder|Remote|Research Desk|Retro|Ripple|River|Robin|Rocket|Roam|Rose|Ruby|Runner|Sail|Salad Force|Sales Report|Salt|Sandbox|
Sapphire|Scribe|Scripts|Sea|Secure Notes|Sentry|Shelf|Shipping|Signal Flow|Sketch|Sky|Slate|Slacker|Sleep Cycle|Snapple Recipes|
Snowflake|Soccer|Solar|Sonar|Spark|Sparrow|Spotify Export|Spreadsheet|Spring|Square Root|Stack Overflow Digest|Star Map|
Station|Strava|Stream|Stride|Strike|Strip Mall|Stripes|Strive|Studio|Summit|Sun Dial|Sunrise|Swift|Sync Thing|Table Tennis|
Tango|Task Board|Tax Return|Tea Time|Tele Medicine|Temple|Tennis|Terminal|Thunderbird|Tide Times|Tiger|Time Tracker|Tin Can|
Toast|Todoist|Tomato|Toolbox|Torch|Tower|Traffic|Train Times|Transit|Travel Diary|Trello|Tripe Recipes|Tulip|Turtle|Typora|
Ubuntu News|Umbrella|Unicorn|Unofficial Weather|Utility|Vacation|Valley|Vault|Velvet|Vercel|Video Editor|Village|Vine|Violin|
Vision|Voice Memo|Volcano|Walnut|Water Log|Wave|Weather|Webflow|Whale|What Sup Dock|Wheel|White Board|Wiki|Willow|Wind|Wine List|
Winter|Wolf|Wordpress Export|Workout|World Clock|Xero|Yarn|Yoga|You Tune|Zapier|Zebra|Zen|Zigzag|Zoomable Maps|Zotero`
  .replaceAll('\n', '')
  .split('|')

/** Names that imitate a brand, with the brand. */
export const imitatingNames = `
G⊙⊙gle>Google|G◯◯gle>Google|Gᦞᦞgle>Google|Gooզle>Google|Goo9le>Google|6oogle>Google|Gooqle>Google|Gith∪b>GitHub|ᗩmazon>Amazon|
G●●gle>Google|G○○gle>Google|G◎◎gle>Google|G⚪⚪gle>Google|G∞gle>Google|G()()gle>Google|G⬡⬡gle>Google|G🌑🌕gle>Google|Goog∣e>Google|
Googie>Google|Goggle Drive>|G00g1e>Google|Gogle>Google|Gooogle>Google|Googel>Google|Gooqle Drive>Google|GooqleDrive>Google|
9oo9le>Google|ᘜOOᘜᒪᗴ>Google|Gꙮgle>Google|G★★gle>Google|G**gle>Google|Go0gle Support>Google|goog|e>Google|
Micr⊙s⊙ft>Microsoft|Micosoft>Microsoft|Microsotf>Microsoft|Mircosoft Security>Microsoft|Micros0ft>Microsoft|Microsfot>Microsoft|
M𐊡crosoft>Microsoft|爪icrosoft>Microsoft|Microzoft>Microsoft|Nicrosoft>Microsoft|
PayPaI>PayPal|Paypai>PayPal|P4yp4l>PayPal|Paypa1>PayPal|PaypaI Support>PayPal|Paypaal>PayPal|ᑭaypal>PayPal|Pay★al>PayPal|
Am@zon>Amazon|Arnazon>Amazon|Amaz⊚n>Amazon|Amazom>Amazon|Anazon>Amazon|△mazon>Amazon|Amozon>Amazon|
GitHvb>GitHub|Gitнub>GitHub|Githb>GitHub|GltHub>GitHub|6ithub>GitHub|GitLa8>GitLab|
Faceb∞k>Facebook|Facebok>Facebook|Faceboook>Facebook|𝔽acebook>Facebook|Instagran>Instagram|Lnstagram>Instagram|
Netfl!x>Netflix|Netfiix>Netflix|Neftlix>Netflix|Linkedln>LinkedIn|Llnkedin>LinkedIn|Drοpbox>Dropbox|Dr⊕pbox>Dropbox|Dropb0x>Dropbox|
Claude>Claude|Cl@ude>Claude|CIaude>Claude|Claude Desktop>Claude|Cluade>Claude|Anthroplc>Anthropic|Antropic>Anthropic|
ChatGPT>ChatGPT|ChatGTP>ChatGPT|Chat6PT>ChatGPT|0penAI>OpenAI|Gemini>Gemini|Gernini>Gemini|DeepSeek>DeepSeek|Perplexity>Perplexity|
Sl△ck>Slack|5lack>Slack|Z⊙⊙m>Zoom|Z00m>Zoom|Appl€>Apple|△pple>Apple|Appl℮ Support>Apple|Slack🚀>Slack|🚀Zoom🚀>Zoom|
Strlpe>Stripe|Stripee>Stripe|Whatsap>WhatsApp|VVhatsApp>WhatsApp|Y⊙uTube>YouTube|Youtub>YouTube|Telegrarn>Telegram|Teiegram>Telegram|
Coinbaze>Coinbase|DocuSlgn>DocuSign|Docu5ign>DocuSign|Disc0rd>Discord|0kta>Okta|Okta Verify>Okta|Grok>Grok`
  .replaceAll('\n', '')
  .split(/\|(?![e])/)
  .map((line) => line.split('>') as [name: string, brand: string])
  .filter(([, brand]) => brand !== '')
