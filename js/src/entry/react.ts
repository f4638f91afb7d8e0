// For pages with React.
export { Can, TokenProvider, useToken, type TokenState } from '../adapter/react.js'
