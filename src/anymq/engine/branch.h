/* What the hub (hub.c) and its branches (branch.c) share. */
#ifndef ANYMQ_BRANCH_H
#define ANYMQ_BRANCH_H

#include "engine.h"

/* A message and, of a request, the parts of its envelope, each after its length. */
typedef struct Parcel {
    struct Parcel *next;
    atomic_int holders; /* the library is one while it sends the body from here */
    size_t envelope, size;
    char bytes[]; /* the body, then the envelope */
} Parcel;

typedef struct Branch {
    struct Branch *next;
    struct Hub *hub;
    Parcel *slot;      /* what came for it and was not taken yet */
    char *envelope;    /* replier: of the request that it may answer */
    size_t envelope_size;
    uint32_t number;   /* requester: of the request that is outstanding; 0: none */
    int waiting[3];    /* threads, by direction */
    int wanted;        /* directions that a loop waits for */
    void (*tell)(void *listener, int direction); /* loops; NULL: none waits */
    void *listener;
    bool interrupted;
    pthread_cond_t changed;
} Branch;

struct Hub {
    Handle *h;
    bool asks;        /* a requester */
    int state_error;  /* the library's number of it */
    pthread_mutex_t lock;
    Branch *branches;
    Parcel *pending;  /* requests that nobody has, in order */
    uint32_t last_number;
    bool stopping;
    int64_t retry;    /* ns until those who wait to send are told to try again */
    pthread_t pump;
    WatchLink link;   /* `wake` wakes the pump */
    atomic_int holders;
};

/* hub.c; with the hub locked, except for the first three */
void amq_parcel_let_go(Parcel *parcel);
struct Hub *amq_hub_open(Handle *h, bool asks, int state_error);
void amq_hub_let_go(struct Hub *hub);
void amq_hub_wake(struct Hub *hub);
void amq_branch_notify(Branch *b, int direction);
/* Read what there is for those that it is for. */
void amq_hub_give_out(struct Hub *hub);
Parcel *amq_hub_next_request(struct Hub *hub);
/* A request that a branch has not taken goes to another. */
void amq_branch_put_back(Branch *b);
/* Envelope, empty part, the parcel's body; all or nothing. */
int amq_hub_send(struct Hub *hub, const char *envelope, size_t envelope_size, Parcel *parcel);

#endif
