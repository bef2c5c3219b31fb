// An app whose sessions are those of express-session: with its types nothing of `viur-session/express` goes together.
import express from 'express'

export const app = express()
