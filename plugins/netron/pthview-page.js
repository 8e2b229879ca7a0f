// Elements and requests. All text reaches the page as text nodes.

// An element from ('tag', 'class', children or text).
export const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) {
        element.className = className;
    }
    element.append(...children);
    return element;
};

export const toast = (message) => document.body.append(make('div', 'pthview-toast', message));

// The server's reply; throws its message when it refuses.
export const request = async (address) => {
    const response = await fetch(address);
    if (!response.ok) {
        const reply = await response.json().catch(() => ({}));
        throw new Error((reply.error && reply.error.message) || `The server answered ${response.status}.`);
    }
    return response;
};

export const json = async (address) => (await request(address)).json();
