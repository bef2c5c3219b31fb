/** The texts of the pages in English. Each other language has the same ones. */
export type Texts = typeof english

/** The subjects of error pages. */
export type Problem = keyof Texts['problems']

/** The pages in English. */
export const english = {
  title: 'viur-session reference app',
  skip: 'Skip to the content',
  heading: 'Your session, in the open',
  lead: 'The server keeps your actions here in one session. Your browser has only its random id and the language you picked. This page runs no script.',
  language: 'Language',
  theme: 'Theme',
  themes: { system: 'System', light: 'Light', dark: 'Dark' },
  nobody: 'Nobody',
  notices: {
    logout:
      'You are signed out. The old session has ended on the server, and its id is dead in every tab.',
    expired: 'The time of your session had run out. This is a new one, and it is empty.',
    ended:
      'Your session has ended, perhaps in another browser. This is a new one, and it is empty.',
    cart: 'Stored: the cart, and nothing else of the session.',
    login:
      'You are signed in, and the session has a new id. Only the cart and the theme came along.',
    renewed: 'The session has a new id. Everything in it came along.',
    reset: 'The old session has ended. This one started empty, under a new id.',
    expiry: 'From now on this session follows the lifetime you picked.',
    ordered: 'Your order is placed, once. The key of that form is used up.',
    confirmed:
      'Your login is fresh again, and the session has a new id. Nothing was done yet: press the button once more.',
    deviceEnded: 'That session has ended. Its browser is signed out with the next click.',
  },
  othersEnded: (count: number): string =>
    count === 0
      ? 'There was no other session to end.'
      : `${count === 1 ? 'One other session has' : `${count} other sessions have`} ended. This one stays.`,
  filled: (count: number): string =>
    `${count.toLocaleString('en')} expired sessions wait for a sweep. Start one in the console.`,
  /** Introduces the two keys in a notice. */
  keyChanged: 'Key',
  overview: {
    heading: 'Overview',
    visits: 'Visits',
    visitsHint: 'page views in this session',
    user: 'Signed in',
    userHint: 'the user of this session',
    expires: 'Expires in',
    expiresHint: 'unless you come back',
    store: 'Store',
  },
  stores: {
    memory: { name: 'Memory', hint: 'embedded, ends with this process' },
    sqlite: { name: 'SQLite', hint: 'a file, outlives this process' },
    emulator: { name: 'Emulator', hint: 'Datastore, on this machine' },
    datastore: { name: 'Datastore', hint: 'Google Cloud, shared by all instances' },
  },
  account: {
    heading: 'Account',
    signedOut:
      'Pick a user to sign in. The session gets a new id, so an id that an attacker planted or saw before is worthless.',
    signedIn: 'Signing out ends the session on the server. Its id is dead at once, in every tab.',
    demo: 'Demo, no passwords',
    users: 'Demo users',
    signIn: 'Sign in',
    signInAs: (name: string): string => `Sign in as ${name}`,
    signOut: 'Sign out',
    since: 'Signed in',
    switchUser: 'Or sign in as somebody else',
    noPasswords:
      'The demo users have no passwords: anybody who opens this page can be any of them.',
    /** Leads to the list of devices. */
    devices: 'Your devices: where you are signed in',
  },
  login: {
    title: 'Sign in',
    /** The address of a page follows. */
    lead: 'After the login you are brought back to',
    back: 'The way back',
    backHint:
      'A page that needs a login sends guests here, with its address. Only addresses of this app count, since anybody can make a link to this page.',
  },
  life: {
    heading: 'The life of this session',
    hint: 'Each use moves the idle limit on. Nothing moves the absolute limit, which counts from the login.',
    /** Names the drawing. */
    drawing: 'Life of this session',
    describe: (used: string, idle: string, absolute: string): string =>
      `In use for ${used}. Ends in ${idle} if it is not used, and in ${absolute} in any case.`,
    used: 'In use for',
    idle: 'Ends unused in',
    absolute: 'Ends in any case in',
  },
  race: {
    heading: 'A race',
    hint: 'Two requests load this session at the same time. Each sets a key of its own, and both count up a third one.',
    start: 'Start two requests',
    outcome: 'Result of the two changes',
    mine: 'viur-session',
    whole: 'Saved as a whole',
    left: 'Key of the first',
    right: 'Key of the second',
    together: 'Counter',
    kept: 'kept',
    lost: 'lost',
    counted: (count: number): string => `+${count} of 2`,
    why: 'The right column is a plain record that got the same changes: loaded as a whole, saved as a whole. The last save overwrites the first.',
  },
  browsers: {
    heading: 'Two browsers',
    hint: 'Each browser has a session of its own, also of the same user.',
    steps: [
      'Sign in here.',
      'Open this page in another browser or a private window, and sign in as the same user.',
      'Look at your devices in either of them: both sessions are there. End the other one.',
      'Reload the page in the other browser: it is signed out.',
    ] as readonly string[],
  },
  cart: {
    heading: 'Cart',
    hint: 'One deep value, changed in place. It survives signing in.',
    empty: 'Nothing in here yet.',
    label: 'What do you need?',
    placeholder: 'A notebook, perhaps',
    suggestions: ['Coffee', 'Notebook', 'Desk lamp', 'Bicycle bell'] as readonly string[],
    add: 'Add',
    pieces: (count: number): string => (count === 1 ? '1 piece' : `${count} pieces`),
    more: (name: string): string => `One more: ${name}`,
    less: (name: string): string => `One less: ${name}`,
    remove: (name: string): string => `Remove: ${name}`,
    removeShort: 'Remove',
    quantity: 'Quantity',
    /** Leads to the form of the order. */
    order: 'Order this',
  },
  expiry: {
    heading: 'Lifetime',
    hint: 'How long this one session lives without being used.',
    legend: 'Lifetime of this session',
    choices: {
      rule: { name: 'General rule', hint: 'one hour' },
      seconds: {
        name: '30 seconds',
        hint: 'wait, then reload: you are signed out, and the cart is empty',
      },
      minutes: { name: '10 minutes', hint: 'renewed as you go' },
      browser: { name: 'Until the browser closes', hint: 'or idle for an hour' },
    },
    apply: 'Apply',
  },
  identity: {
    heading: 'Identity',
    hint: 'The id is the only thing that proves whose session this is.',
    renew: 'New session id',
    renewHint: 'Everything stays, the old id is dead.',
    reset: 'Reset',
    resetHint: 'Ends this session and starts an empty one.',
  },
  order: {
    title: 'Order',
    lead: 'A form that counts once. It carries a security key that is used up when you send it, so that neither a double click nor the back button orders twice.',
    /** Above the form when its key did not count. */
    refused: {
      heading: 'This form did not count',
      text: 'It was sent before, it was open for longer than 15 minutes, or your session got a new id meanwhile. Nothing was ordered just now.',
      retry: 'Here is the form again, with a new key. Send it if you still want to order.',
    },
    form: 'In your cart',
    formHint: 'The key is good for this form in this session, for 15 minutes.',
    empty: 'Your cart is empty, so there is nothing to order.',
    fill: 'To the cart',
    note: 'A note for the shop (optional)',
    place: 'Place the order',
    orders: 'Your orders',
    ordersHint: 'Kept in this session, the latest five.',
    noOrders: 'No order yet.',
    number: (number: number): string => `Order ${number}`,
  },
  devices: {
    title: 'Your devices',
    lead: (name: string): string =>
      `Every session in which ${name} is signed in. End those that you do not know.`,
    list: 'Signed in',
    fresh: 'You signed in within the last five minutes, so you can end sessions at once.',
    stale:
      'You signed in more than five minutes ago. Before a session ends, you are asked to confirm your login.',
    current: 'this device',
    unknown: 'Unknown device',
    /** Such as "Firefox on Linux". */
    name: (browser: string, system: string): string => `${browser} on ${system}`,
    agent: 'User agent',
    address: 'Network',
    addressHint: 'shortened',
    signedIn: 'Signed in',
    lastSeen: 'Last seen',
    end: 'End',
    endThis: (name: string): string => `End the session of ${name}`,
    endOthers: 'End all others',
    endOthersHint: 'Everywhere but here. Later logins stay.',
    noOthers: 'You are signed in nowhere else.',
    native: 'Devices without a browser',
    nativeHint:
      'They sign in with JSON, keep the cookie, and get a static key in the answer, once. With that key their requests need no form.',
  },
  confirm: {
    title: 'Is it still you?',
    lead: 'This action needs a login of the last five minutes, so that nobody does it at a screen you left unlocked.',
    hint: 'The demo users have no passwords, so a button has to do. An app asks for the password or a passkey here.',
    signInAgain: (name: string): string => `I am ${name}`,
    cancel: 'Cancel',
  },
  operations: {
    title: 'Operations',
    lead: 'A sweep ends the sessions that nobody ends, and informs the app.',
    console: {
      heading: 'Console',
      hint: 'The pages for operators that come with viur-session: backlog, runs, the sessions of a user, and buttons that end them or start a sweep.',
      open: 'Open the console',
      access: {
        local: 'Open to this machine, as long as it is not in production.',
        iap: 'Open to the operators in CONSOLE_USERS, whom Identity-Aware Proxy signs in.',
        none: 'Closed. CONSOLE_AUDIENCE and CONSOLE_USERS open it to operators behind Identity-Aware Proxy.',
      },
    },
    fill: {
      heading: 'Something to sweep',
      hint: 'Only on a developer’s machine: stores sessions that expired two hours ago. Then start a sweep in the console.',
      button: (count: string): string => `Make ${count} expired sessions`,
    },
    sweep: {
      heading: 'How a sweep runs',
      hint: 'No visitor waits for it.',
      steps: [
        'Once an hour, cron calls /_sessions/cron.',
        'The sweep adds a task to the Cloud Tasks queue session-sweep. Without a queue, it works inside the call.',
        'Each task ends expired sessions for up to 90 seconds, then adds the next task.',
        'For each ended session, the app’s observers are called.',
      ] as readonly string[],
    },
    ends: {
      heading: 'Ends by reason',
      hint: 'Counted by an observer of this process since it started.',
      reasons: {
        expired: 'expired',
        logout: 'logout',
        login: 'login (a new id)',
        reset: 'reset',
        killed: 'killed',
      },
    },
  },
  panel: {
    heading: 'Contents of this session',
    hint: 'As the server sees it while it makes this page.',
    facts: 'The session',
    data: 'Its data',
    scope: 'Scope',
    noData: 'No keys yet.',
    user: 'User',
    key: 'Key (hash of the id)',
    noKey: 'gets one with this page',
    created: 'Created',
    lastSeen: 'Last seen',
    authenticated: 'Signed in',
    expires: 'Expires',
    atBrowserClose: 'Ends with the browser',
    isNew: 'New',
    outcome: 'Loading found',
    store: 'Store',
    yes: 'yes',
    no: 'no',
    notYet: 'not yet',
  },
  outcomes: {
    live: 'a live session',
    none: 'no session cookie',
    malformed: 'a cookie that is no session id',
    unknown: 'an id that the store does not know',
    expired: 'a session whose time had run out',
    ended: 'a session that had ended',
    unreadable: 'a session that cannot be read',
  },
  footer: 'Plain HTML and CSS, rendered on the server.',
  /** Names the navigation. */
  pages: 'Pages',
  start: 'Start',
  problems: {
    notFound: {
      heading: 'There is no such page',
      text: 'The address may be mistyped, or out of date.',
    },
    refused: {
      heading: 'This request was refused',
      text: 'It did not come from a page of this app. If you did send it from here, go back to the start page and try again.',
    },
    consoleClosed: {
      heading: 'The console is closed',
      text: 'It shows the sessions of everybody, so it opens for named operators only. Put Identity-Aware Proxy in front of the app, and set CONSOLE_AUDIENCE to its audience and CONSOLE_USERS to the e-mail addresses of the operators, as docs/console.md says.',
    },
    signInFirst: {
      heading: 'This page is for users who are signed in',
      text: 'Sign in, and you come back to the page.',
    },
    noSuchDevice: {
      heading: 'You have no such session',
      text: 'It has ended already, or it was never yours. Nothing was changed.',
    },
    badRequest: {
      heading: 'This request makes no sense here',
      text: 'Something in it is missing, too long, or unknown to this app.',
    },
    unavailable: {
      heading: 'The sessions cannot be reached',
      text: 'Your input may not have been saved. Please try again in a moment.',
    },
    failed: {
      heading: 'Something went wrong',
      text: 'That was our fault. Please try again in a moment.',
    },
  },
  home: 'To the start page',
}
